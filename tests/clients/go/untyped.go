package main

import (
	"fmt"
	"sort"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// dynamics works without knowing the kind, as generic tools do.
func dynamics(w *World) error {
	client, err := dynamic.NewForConfig(w.config)
	if err != nil {
		return err
	}
	maps := client.Resource(configMaps).Namespace(w.namespace)
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "dynamic"}, "data": map[string]any{"k": "v"}}}
	made, err := maps.Create(w.ctx, object, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	watching, err := maps.Watch(w.ctx, metav1.ListOptions{ResourceVersion: made.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer watching.Stop()
	patch := []byte(`[{"op":"add","path":"/data/j","value":"w"}]`)
	patched, err := maps.Patch(w.ctx, "dynamic", types.JSONPatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	event := <-watching.ResultChan()
	list, err := maps.List(w.ctx, metav1.ListOptions{FieldSelector: "metadata.name=dynamic"})
	if err != nil {
		return err
	}
	if err := maps.Delete(w.ctx, "dynamic", metav1.DeleteOptions{}); err != nil {
		return err
	}
	gone := <-watching.ResultChan()
	say("step", "dynamic", "data", patched.Object["data"], "event", event.Type, "listed", len(list.Items),
		"kind", list.Items[0].GetKind(), "gone", gone.Type)
	return nil
}

// metadataOnly reads objects without their content, as the garbage collector does.
func metadataOnly(w *World) error {
	client, err := metadata.NewForConfig(w.config)
	if err != nil {
		return err
	}
	if _, err := w.client.CoreV1().ConfigMaps(w.namespace).Create(
		w.ctx, configMap("meta", map[string]string{"k": "v"}), metav1.CreateOptions{}); err != nil {
		return err
	}
	maps := client.Resource(configMaps).Namespace(w.namespace)
	one, err := maps.Get(w.ctx, "meta", metav1.GetOptions{})
	if err != nil {
		return err
	}
	all, err := maps.List(w.ctx, metav1.ListOptions{LabelSelector: "made=go"})
	if err != nil {
		return err
	}
	say("step", "metadata", "name", one.Name, "labels", one.Labels, "listed", len(all.Items),
		"traffic", w.traffic.seen())
	return nil
}

// discoveries asks what there is, in every way a client can.
func discoveries(w *World) error {
	client, err := discovery.NewDiscoveryClientForConfig(w.config)
	if err != nil {
		return err
	}
	version, err := client.ServerVersion()
	if err != nil {
		return err
	}
	say("step", "version", "version", version.Major+"."+version.Minor)
	groups, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return err
	}
	resources := 0
	for _, list := range lists {
		resources += len(list.APIResources)
	}
	say("step", "resources", "groups", len(groups), "lists", len(lists), "resources", resources)
	legacy, err := client.WithLegacy().ServerPreferredResources()
	if err != nil {
		return err
	}
	say("step", "legacy", "lists", len(legacy))
	found, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(found)
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	if err != nil {
		return err
	}
	full, err := restmapper.NewShortcutExpander(mapper, client, nil).ResourceFor(schema.GroupVersionResource{Resource: "deploy"})
	if err != nil {
		return err
	}
	say("step", "mapper", "resource", mapping.Resource.String(), "scope", mapping.Scope.Name(), "short", full.String())
	return openapi(client)
}

func openapi(client *discovery.DiscoveryClient) error {
	document, err := client.OpenAPISchema()
	if err != nil {
		return err
	}
	paths, err := client.OpenAPIV3().Paths()
	if err != nil {
		return err
	}
	names := []string{}
	for name := range paths {
		names = append(names, name)
	}
	sort.Strings(names)
	core, known := paths["api/v1"]
	if !known {
		return fmt.Errorf("no api/v1 among %v", names)
	}
	text, err := core.Schema("application/com.github.proto-openapi.spec.v3@v1.0+protobuf")
	if err != nil {
		return err
	}
	say("step", "openapi", "v2", document.Info.Title, "v3", len(names), "core", len(text) > 0)
	return nil
}
