package main

import (
	"bufio"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// marker is the object that is written last, and that every selection below shows.
const marker = "marker"

var labelled = []string{"", "parity=even", "group=a", "parity=even,group=a", "group in (a,b)", "!hidden", "parity!=odd"}
var fielded = []string{"", "metadata.name!=cm-3", "metadata.name=marker"}

// kept is one informer: what it was asked for, and its cache.
type kept struct {
	labels, fields string
	partial        bool
	informer       cache.SharedIndexInformer
}

// churn starts as many informers as a round has for every order "more", each with a watch of its own. The end of its
// input lets it wait until all have seen the marker, and say what they hold.
func churn(w *World) error {
	var everyone []*kept
	var seen sync.WaitGroup
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		started, err := round(w, len(everyone), &seen)
		if err != nil {
			return err
		}
		everyone = append(everyone, started...)
		for _, one := range started {
			cache.WaitForCacheSync(w.ctx.Done(), one.informer.HasSynced)
		}
		say("step", "started", "informers", len(everyone))
	}
	seen.Wait()
	for _, one := range everyone {
		say("step", "have", "labels", one.labels, "fields", one.fields, "partial", one.partial, "have", contents(one.informer))
	}
	say("step", "traffic", "traffic", w.traffic.seen())
	return orders.Err()
}

// round starts an informer for each pair of selectors; every third wants metadata alone.
func round(w *World, already int, seen *sync.WaitGroup) ([]*kept, error) {
	partial, err := metadata.NewForConfig(w.config)
	if err != nil {
		return nil, err
	}
	var started []*kept
	for _, labels := range labelled {
		for _, fields := range fielded {
			tweak := func(options *metav1.ListOptions) { options.LabelSelector, options.FieldSelector = labels, fields }
			one := &kept{labels: labels, fields: fields, partial: (already+len(started))%3 == 2}
			if one.partial {
				one.informer = metadatainformer.NewFilteredMetadataInformer(
					partial, configMaps, w.namespace, 0, cache.Indexers{}, tweak).Informer()
			} else {
				one.informer = coreinformers.NewFilteredConfigMapInformer(w.client, w.namespace, 0, cache.Indexers{}, tweak)
			}
			if err := watchFor(one.informer, seen); err != nil {
				return nil, err
			}
			go one.informer.RunWithContext(w.ctx)
			started = append(started, one)
		}
	}
	return started, nil
}

// watchFor counts an informer as waiting until it shows the marker.
func watchFor(informer cache.SharedIndexInformer, seen *sync.WaitGroup) error {
	seen.Add(1)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(object any) {
		if object.(metav1.Object).GetName() == marker {
			seen.Done()
		}
	}})
	return err
}

// contents gives names with revisions, labels and data.
func contents(informer cache.SharedIndexInformer) map[string]any {
	all := map[string]any{}
	for _, object := range informer.GetStore().List() {
		meta := object.(metav1.Object)
		content := map[string]any{"revision": meta.GetResourceVersion(), "labels": notNil(meta.GetLabels())}
		if full, ok := object.(*corev1.ConfigMap); ok {
			content["data"] = notNil(full.Data)
		}
		all[meta.GetName()] = content
	}
	return all
}

func notNil(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}
