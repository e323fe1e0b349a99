package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

const revisionNote = "deployment.kubernetes.io/revision"

// rollouts is a controller manager for the deployments, replica sets and pods of one namespace, and the kubelet of
// their pods. It reads what is there, never a cache, so that one pass after the last event is always enough.
type rollouts struct {
	*World
	counts       sync.Mutex
	fewest, most int // available and all pods, of any pass
}

func (r *rollouts) reconcile(key objectKey) error {
	switch key.kind {
	case "deployment":
		return r.deployment(key.name)
	case "replicaset":
		return r.replicaSet(key.name)
	}
	return r.pod(key.name)
}

func (r *rollouts) setsOf(d *appsv1.Deployment) ([]appsv1.ReplicaSet, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, err
	}
	all, err := r.client.AppsV1().ReplicaSets(d.Namespace).List(r.ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	return owned(all.Items, d.UID), nil
}

func (r *rollouts) podsOf(set *appsv1.ReplicaSet) ([]corev1.Pod, error) {
	all, err := r.client.CoreV1().Pods(set.Namespace).List(r.ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector)})
	if err != nil {
		return nil, err
	}
	return owned(all.Items, set.UID), nil
}

// owned gives the objects whose controller has the uid.
func owned[T any, P interface {
	*T
	metav1.Object
}](items []T, uid types.UID) []T {
	var found []T
	for i := range items {
		if owner := metav1.GetControllerOf(P(&items[i])); owner != nil && owner.UID == uid {
			found = append(found, items[i])
		}
	}
	return found
}

func (r *rollouts) deployment(name string) error {
	d, err := r.client.AppsV1().Deployments(r.namespace).Get(r.ctx, name, metav1.GetOptions{})
	if err != nil || d.DeletionTimestamp != nil {
		return err
	}
	sets, err := r.setsOf(d)
	if err != nil {
		return err
	}
	hash, newest, latest := templateHash(&d.Spec.Template), (*appsv1.ReplicaSet)(nil), 0
	var older []*appsv1.ReplicaSet
	for i := range sets {
		number, _ := strconv.Atoi(sets[i].Annotations[revisionNote])
		latest = max(latest, number)
		if sets[i].Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash {
			newest = &sets[i]
		} else {
			older = append(older, &sets[i])
		}
	}
	if newest == nil {
		_, err := r.client.AppsV1().ReplicaSets(r.namespace).Create(r.ctx, newSet(d, hash, latest+1), metav1.CreateOptions{})
		return err
	}
	if err := r.roll(d, newest, older); err != nil {
		return err
	}
	return r.deploymentStatus(d, newest, older)
}

// templateHash stands for the controller manager's hash: any name that follows from the template.
func templateHash(template *corev1.PodTemplateSpec) string {
	text, _ := json.Marshal(template)
	sum := fnv.New32a()
	_, _ = sum.Write(text)
	return rand.SafeEncodeString(fmt.Sprint(sum.Sum32()))
}

func newSet(d *appsv1.Deployment, hash string, number int) *appsv1.ReplicaSet {
	with := func(labels map[string]string) map[string]string {
		labels = maps.Clone(labels)
		labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
		return labels
	}
	template := *d.Spec.Template.DeepCopy()
	template.Labels = with(template.Labels)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name + "-" + hash, Labels: template.Labels,
			Annotations:     map[string]string{revisionNote: strconv.Itoa(number)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}},
		Spec: appsv1.ReplicaSetSpec{Replicas: new(int32), MinReadySeconds: d.Spec.MinReadySeconds, Template: template,
			Selector: &metav1.LabelSelector{MatchLabels: with(d.Spec.Selector.MatchLabels)}},
	}
}

// roll moves replicas from the older sets to the newest, within what the strategy's defaults allow.
func (r *rollouts) roll(d *appsv1.Deployment, newest *appsv1.ReplicaSet, older []*appsv1.ReplicaSet) error {
	wanted := int(*d.Spec.Replicas)
	rolling := d.Spec.Strategy.RollingUpdate
	surge, _ := intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, wanted, true)
	missing, _ := intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, wanted, false)
	before := 0
	for _, set := range older {
		before += int(*set.Spec.Replicas)
	}
	if err := r.resize(newest, min(wanted, max(int(*newest.Spec.Replicas), wanted+surge-before))); err != nil || before == 0 {
		return err
	}
	spare := before + int(newest.Status.AvailableReplicas) - (wanted - missing)
	for _, set := range older {
		less := max(0, min(spare, int(*set.Spec.Replicas)))
		if err := r.resize(set, int(*set.Spec.Replicas)-less); err != nil {
			return err
		}
		spare -= less
	}
	return nil
}

func (r *rollouts) resize(set *appsv1.ReplicaSet, size int) error {
	if int(*set.Spec.Replicas) == size {
		return nil
	}
	*set.Spec.Replicas = int32(size)
	_, err := r.client.AppsV1().ReplicaSets(r.namespace).Update(r.ctx, set, metav1.UpdateOptions{})
	return err
}

func (r *rollouts) deploymentStatus(d *appsv1.Deployment, newest *appsv1.ReplicaSet, older []*appsv1.ReplicaSet) error {
	status := appsv1.DeploymentStatus{ObservedGeneration: d.Generation, UpdatedReplicas: newest.Status.Replicas,
		Replicas: newest.Status.Replicas, ReadyReplicas: newest.Status.ReadyReplicas, AvailableReplicas: newest.Status.AvailableReplicas}
	for _, set := range older {
		status.Replicas += set.Status.Replicas
		status.ReadyReplicas += set.Status.ReadyReplicas
		status.AvailableReplicas += set.Status.AvailableReplicas
	}
	status.UnavailableReplicas = max(0, *d.Spec.Replicas-status.AvailableReplicas)
	whole := corev1.ConditionFalse
	if status.UnavailableReplicas == 0 {
		whole = corev1.ConditionTrue
	}
	status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: whole, Reason: "Counted"}}
	if same(status, d.Status) {
		return nil
	}
	d.Status = status
	_, err := r.client.AppsV1().Deployments(r.namespace).UpdateStatus(r.ctx, d, metav1.UpdateOptions{})
	return err
}

func same(one, other any) bool {
	first, _ := json.Marshal(one)
	second, _ := json.Marshal(other)
	return string(first) == string(second)
}

func (r *rollouts) replicaSet(name string) error {
	set, err := r.client.AppsV1().ReplicaSets(r.namespace).Get(r.ctx, name, metav1.GetOptions{})
	if err != nil || set.DeletionTimestamp != nil {
		return err
	}
	all, err := r.podsOf(set)
	if err != nil {
		return err
	}
	status := appsv1.ReplicaSetStatus{ObservedGeneration: set.Generation}
	var living []*corev1.Pod
	for i := range all {
		if all[i].DeletionTimestamp != nil {
			continue
		}
		living = append(living, &all[i])
		status.Replicas++
		if ready(&all[i]) {
			status.ReadyReplicas++
		}
	}
	status.FullyLabeledReplicas, status.AvailableReplicas = status.Replicas, status.ReadyReplicas
	if err := r.fill(set, living); err != nil || same(status, set.Status) {
		return err
	}
	set.Status = status
	_, err = r.client.AppsV1().ReplicaSets(r.namespace).UpdateStatus(r.ctx, set, metav1.UpdateOptions{})
	return err
}

// fill creates the pods that are missing, or deletes those too many.
func (r *rollouts) fill(set *appsv1.ReplicaSet, living []*corev1.Pod) error {
	pods := r.client.CoreV1().Pods(r.namespace)
	for i := len(living); i < int(*set.Spec.Replicas); i++ {
		pod := &corev1.Pod{Spec: set.Spec.Template.Spec, ObjectMeta: metav1.ObjectMeta{
			GenerateName: set.Name + "-", Labels: set.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}}}
		if _, err := pods.Create(r.ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, pod := range living[min(int(*set.Spec.Replicas), len(living)):] {
		if err := pods.Delete(r.ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}); err != nil {
			return err
		}
	}
	return nil
}

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// pod is scheduler and kubelet: a new pod is bound, then runs; one that is to go goes.
func (r *rollouts) pod(name string) error {
	pods := r.client.CoreV1().Pods(r.namespace)
	pod, err := pods.Get(r.ctx, name, metav1.GetOptions{})
	switch {
	case err != nil:
		return err
	case pod.DeletionTimestamp != nil:
		return pods.Delete(r.ctx, name, *metav1.NewDeleteOptions(0))
	case pod.Spec.NodeName == "":
		return pods.Bind(r.ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name, UID: pod.UID},
			Target: corev1.ObjectReference{Kind: "Node", Name: "node"}}, metav1.CreateOptions{})
	case !ready(pod):
		pod.Status.Phase = corev1.PodRunning
		kept := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		for _, condition := range pod.Status.Conditions {
			if condition.Type != corev1.PodReady {
				kept = append(kept, condition)
			}
		}
		pod.Status.Conditions = kept
		_, err = pods.UpdateStatus(r.ctx, pod, metav1.UpdateOptions{})
		return err
	}
	return r.count()
}

// count notes how many pods there are.
func (r *rollouts) count() error {
	all, err := r.client.CoreV1().Pods(r.namespace).List(r.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	available, living := 0, 0
	for i := range all.Items {
		if all.Items[i].DeletionTimestamp == nil {
			living++
			if ready(&all.Items[i]) {
				available++
			}
		}
	}
	r.counts.Lock()
	defer r.counts.Unlock()
	r.fewest, r.most = min(r.fewest, available), max(r.most, living)
	return nil
}

// passing says whether an error only means that a newer event is on its way.
func passing(err error) bool {
	return err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}
