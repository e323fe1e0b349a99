package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"made": "go"}}, Data: data}
}

func pod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "registry.example/app:1"}}}}
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod("").Spec}}}
}

// reason names an error as clients tell them apart.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return string(apierrors.ReasonForError(err))
}

// typed does with three kinds what every controller does.
func typed(w *World) error {
	maps := w.client.CoreV1().ConfigMaps(w.namespace)
	made, err := maps.Create(w.ctx, configMap("typed", map[string]string{"a": "1"}), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, again := maps.Create(w.ctx, configMap("typed", nil), metav1.CreateOptions{})
	_, missing := maps.Get(w.ctx, "missing", metav1.GetOptions{})
	_, invalid := maps.Create(w.ctx, configMap("Not A Name", nil), metav1.CreateOptions{})
	say("step", "create", "uid", made.UID != "", "revision", made.ResourceVersion != "", "again", reason(again),
		"missing", reason(missing), "invalid", reason(invalid))
	got, err := maps.Get(w.ctx, "typed", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("step", "get", "data", got.Data, "same", got.ResourceVersion == made.ResourceVersion)
	got.Data["b"] = "2"
	newer, err := maps.Update(w.ctx, got, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	_, stale := maps.Update(w.ctx, got, metav1.UpdateOptions{})
	say("step", "update", "data", newer.Data, "stale", reason(stale))
	for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		patched, err := maps.Patch(w.ctx, "typed", kind, fmt.Appendf(nil, `{"data":{"p":%q}}`, kind), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		say("step", "patch", "data", patched.Data["p"])
	}
	if err := workloads(w); err != nil {
		return err
	}
	if err := maps.Delete(w.ctx, "typed", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &made.UID}}); err != nil {
		return err
	}
	left, err := maps.List(w.ctx, metav1.ListOptions{LabelSelector: "made=go"})
	if err != nil {
		return err
	}
	say("step", "delete", "left", len(left.Items), "traffic", w.traffic.seen())
	return nil
}

// workloads covers kinds with defaults, status and scale.
func workloads(w *World) error {
	pods := w.client.CoreV1().Pods(w.namespace)
	created, err := pods.Create(w.ctx, pod("typed"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status.Phase = corev1.PodRunning
	running, err := pods.UpdateStatus(w.ctx, created, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	say("step", "pod", "policy", created.Spec.RestartPolicy, "phase", running.Status.Phase,
		"pull", created.Spec.Containers[0].ImagePullPolicy)
	deployments := w.client.AppsV1().Deployments(w.namespace)
	if _, err := deployments.Create(w.ctx, deployment("typed", 2), metav1.CreateOptions{}); err != nil {
		return err
	}
	scale, err := deployments.GetScale(w.ctx, "typed", metav1.GetOptions{})
	if err != nil {
		return err
	}
	before := scale.Spec.Replicas
	scale.Spec.Replicas = 5
	if _, err := deployments.UpdateScale(w.ctx, "typed", scale, metav1.UpdateOptions{}); err != nil {
		return err
	}
	scaled, err := deployments.Get(w.ctx, "typed", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("step", "deployment", "before", before, "after", *scaled.Spec.Replicas, "generation", scaled.Generation,
		"strategy", scaled.Spec.Strategy.Type)
	return deployments.DeleteCollection(w.ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

// pages lists in chunks, as kubectl and the garbage collector do.
func pages(w *World) error {
	maps := w.client.CoreV1().ConfigMaps(w.namespace)
	for i := range 25 {
		if _, err := maps.Create(w.ctx, configMap(fmt.Sprintf("page-%02d", i), nil), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	requests, names := 0, map[string]bool{}
	chunks := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		requests++
		return maps.List(ctx, options)
	})
	chunks.PageSize = 10
	err := chunks.EachListItem(w.ctx, metav1.ListOptions{LabelSelector: "made=go"}, func(object runtime.Object) error {
		names[object.(*corev1.ConfigMap).Name] = true
		return nil
	})
	say("step", "pages", "requests", requests, "names", len(names))
	return err
}

// patient retries far more often than retry.DefaultRetry: many clients write one object on a busy machine.
var patient = wait.Backoff{Steps: 100, Duration: time.Millisecond, Factor: 1.1, Jitter: 0.5, Cap: 50 * time.Millisecond}

// conflict lets many clients count in one object: none may get lost.
func conflict(w *World) error {
	const clients, rounds = 4, 10
	maps := w.client.CoreV1().ConfigMaps(w.namespace)
	if _, err := maps.Create(w.ctx, configMap("count", map[string]string{"n": "0"}), metav1.CreateOptions{}); err != nil {
		return err
	}
	var everyone sync.WaitGroup
	failures := make(chan error, clients*rounds)
	for range clients {
		everyone.Go(func() {
			for range rounds {
				failures <- retry.RetryOnConflict(patient, func() error { return increment(w) })
			}
		})
	}
	everyone.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	total, err := maps.Get(w.ctx, "count", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("step", "conflict", "n", total.Data["n"], "want", fmt.Sprint(clients*rounds))
	return nil
}

func increment(w *World) error {
	maps := w.client.CoreV1().ConfigMaps(w.namespace)
	current, err := maps.Get(w.ctx, "count", metav1.GetOptions{})
	if err != nil {
		return err
	}
	n := 0
	if _, err := fmt.Sscan(current.Data["n"], &n); err != nil {
		return err
	}
	current.Data["n"] = fmt.Sprint(n + 1)
	_, err = maps.Update(w.ctx, current, metav1.UpdateOptions{})
	return err
}
