package main

import (
	"bufio"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// informers keeps caches of config maps and pods and says every change until its standard input ends. A line "have" on
// it asks for what the caches hold.
func informers(w *World) error {
	factory := kubeinformers.NewSharedInformerFactoryWithOptions(w.client, 0, kubeinformers.WithNamespace(w.namespace))
	maps := factory.Core().V1().ConfigMaps().Informer()
	pods := factory.Core().V1().Pods().Informer()
	for _, informer := range []cache.SharedIndexInformer{maps, pods} {
		if _, err := informer.AddEventHandler(handler()); err != nil {
			return err
		}
	}
	factory.StartWithContext(w.ctx)
	factory.WaitForCacheSync(w.ctx.Done())
	say("step", "synced", "have", keys(maps, pods), "traffic", w.traffic.seen())
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		say("step", "have", "have", keys(maps, pods), "traffic", w.traffic.seen())
	}
	return orders.Err()
}

func keys(informers ...cache.SharedIndexInformer) []string {
	all := []string{}
	for _, informer := range informers {
		for _, object := range informer.GetStore().List() {
			all = append(all, title(object))
		}
	}
	return all
}

// title names an object by its kind, name and content.
func title(object any) string {
	switch object := object.(type) {
	case *corev1.ConfigMap:
		return "configmap/" + object.Name + "=" + object.Data["v"]
	case *corev1.Pod:
		return "pod/" + object.Name + "=" + object.Labels["v"]
	case cache.DeletedFinalStateUnknown:
		return "unknown " + object.Key
	}
	return "?"
}

func handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, initial bool) {
			say("event", "add", "object", title(object), "initial", initial, "revision", revision(object))
		},
		UpdateFunc: func(before, object any) {
			if revision(before) != revision(object) {
				say("event", "update", "before", title(before), "object", title(object), "revision", revision(object))
			}
		},
		DeleteFunc: func(object any) { say("event", "delete", "object", title(object)) },
	}
}

func revision(object any) string {
	if object, ok := object.(metav1.Object); ok {
		return object.GetResourceVersion()
	}
	return ""
}
