package main

import (
	"fmt"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	shared "k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

type objectKey struct{ kind, name string }

// loop runs the controllers of rollout.go from informers' events and leads a deployment through its life.
func loop(w *World) error {
	controllers := &rollouts{World: w}
	queue := workqueue.NewTyped[objectKey]()
	states := make(chan *appsv1.Deployment, 1000)
	gone := make(chan objectKey, 1000)
	factory := shared.NewSharedInformerFactoryWithOptions(w.client, 0, shared.WithNamespace(w.namespace))
	informed := map[string]cache.SharedIndexInformer{"deployment": factory.Apps().V1().Deployments().Informer(),
		"replicaset": factory.Apps().V1().ReplicaSets().Informer(), "pod": factory.Core().V1().Pods().Informer()}
	for kind, informer := range informed {
		if _, err := informer.AddEventHandler(noting(kind, queue, states, gone)); err != nil {
			return err
		}
	}
	factory.Start(w.ctx.Done())
	factory.WaitForCacheSync(w.ctx.Done())
	failed := make(chan error, 1)
	go work(controllers, queue, failed)
	defer queue.ShutDown()
	life := &lifeOf{controllers, informed, states, gone, failed}
	return life.lead()
}

// noting tells the queue of every event, of whom it may concern: the object and its controller.
func noting(kind string, queue workqueue.TypedInterface[objectKey], states chan<- *appsv1.Deployment, gone chan<- objectKey) cache.ResourceEventHandler {
	note := func(obj any) {
		object := obj.(metav1.Object)
		queue.Add(objectKey{kind, object.GetName()})
		if owner := metav1.GetControllerOf(object); owner != nil {
			queue.Add(objectKey{map[string]string{"ReplicaSet": "replicaset", "Deployment": "deployment"}[owner.Kind], owner.Name})
		}
		if deployment, is := obj.(*appsv1.Deployment); is {
			states <- deployment
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: note, UpdateFunc: func(_, obj any) { note(obj) }, DeleteFunc: func(obj any) {
		if last, unknown := obj.(cache.DeletedFinalStateUnknown); unknown {
			obj = last.Obj
		}
		note(obj)
		gone <- objectKey{kind, obj.(metav1.Object).GetName()}
	}}
}

func work(controllers *rollouts, queue workqueue.TypedInterface[objectKey], failed chan<- error) {
	for {
		key, end := queue.Get()
		if end {
			return
		}
		if err := controllers.reconcile(key); !passing(err) {
			failed <- fmt.Errorf("%v: %w", key, err)
			return
		}
		queue.Done(key)
	}
}

type lifeOf struct {
	*rollouts
	informed map[string]cache.SharedIndexInformer
	states   <-chan *appsv1.Deployment
	gone     <-chan objectKey
	failed   <-chan error
}

func (l *lifeOf) lead() error {
	deployments := l.client.AppsV1().Deployments(l.namespace)
	made, err := deployments.Create(l.ctx, deployment("web", 2), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	rolling := made.Spec.Strategy.RollingUpdate
	say("step", "defaults", "strategy", made.Spec.Strategy.Type, "surge", rolling.MaxSurge.String(), "unavailable",
		rolling.MaxUnavailable.String(), "history", *made.Spec.RevisionHistoryLimit, "deadline", *made.Spec.ProgressDeadlineSeconds)
	if err := l.settled("made"); err != nil {
		return err
	}
	for _, size := range []int32{5, 1, 4} {
		scale, err := deployments.GetScale(l.ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = size
		if _, err := deployments.UpdateScale(l.ctx, "web", scale, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if err := l.settled(fmt.Sprintf("scaled to %d", size)); err != nil {
			return err
		}
	}
	for _, image := range []string{"registry.example/app:2", "registry.example/app:1"} {
		patch := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":%q}]}}}}`, image)
		if err := l.rolled(image, patch); err != nil {
			return err
		}
	}
	return l.ended()
}

// settled waits until the status says that all is as the spec wants it, and tells what there is.
func (l *lifeOf) settled(step string) error {
	wanted, err := l.client.AppsV1().Deployments(l.namespace).Get(l.ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for {
		select {
		case d := <-l.states:
			size, status := *d.Spec.Replicas, d.Status
			if d.Generation < wanted.Generation || status.ObservedGeneration != d.Generation || status.Replicas != size ||
				status.UpdatedReplicas != size || status.AvailableReplicas != size {
				continue
			}
			return l.tell(step, d)
		case err := <-l.failed:
			return err
		case <-l.ctx.Done():
			return fmt.Errorf("%s: never settled", step)
		}
	}
}

func (l *lifeOf) tell(step string, d *appsv1.Deployment) error {
	sets, err := l.setsOf(d)
	if err != nil {
		return err
	}
	sizes, owners := []string{}, true
	for i := range sets {
		pods, err := l.podsOf(&sets[i])
		if err != nil {
			return err
		}
		for _, pod := range pods {
			owners = owners && pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == sets[i].Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
		sizes = append(sizes, fmt.Sprintf("%s:%d", sets[i].Annotations[revisionNote], *sets[i].Spec.Replicas))
	}
	sort.Strings(sizes)
	say("step", step, "generation", d.Generation, "sets", sizes, "available", d.Status.AvailableReplicas, "labels", owners)
	return nil
}

// rolled changes the image, and says whether there were ever too few pods or too many.
func (l *lifeOf) rolled(image string, patch []byte) error {
	l.counts.Lock()
	l.fewest, l.most = 4, 4
	l.counts.Unlock()
	_, err := l.client.AppsV1().Deployments(l.namespace).Patch(l.ctx, "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	if err := l.settled(image); err != nil {
		return err
	}
	l.counts.Lock()
	defer l.counts.Unlock()
	say("step", "bounds", "enough", l.fewest >= 3, "few", l.most <= 5)
	return nil
}

// ended deletes the deployment and waits until everything under it is gone.
func (l *lifeOf) ended() error {
	if err := l.client.AppsV1().Deployments(l.namespace).Delete(l.ctx, "web", metav1.DeleteOptions{}); err != nil {
		return err
	}
	for l.known() > 0 {
		select {
		case <-l.gone:
		case err := <-l.failed:
			return err
		case <-l.ctx.Done():
			return fmt.Errorf("not collected: %d", l.known())
		}
	}
	say("step", "gone")
	return nil
}

// known counts what the informers still know.
func (l *lifeOf) known() int {
	total := 0
	for _, informer := range l.informed {
		total += len(informer.GetStore().ListKeys())
	}
	return total
}
