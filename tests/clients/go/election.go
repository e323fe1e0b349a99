package main

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// election has two candidates for one lease: the first leads until it steps down, then the second does. The first steps
// down right after a renewal: one that is cut off on its way would make the release conflict.
func election(w *World) error {
	first, stepDown := context.WithCancel(w.ctx)
	defer stepDown()
	leading := make(chan string, 4)
	done := make(chan struct{})
	go func() {
		defer close(done)
		candidate(first, w, "one", leading)
	}()
	say("step", "leads", "who", <-leading)
	second, end := context.WithCancel(w.ctx)
	defer end()
	go candidate(second, w, "two", leading)
	if err := renewed(w); err != nil {
		return err
	}
	stepDown()
	<-done
	say("step", "leads", "who", <-leading)
	lease, err := w.client.CoordinationV1().Leases(w.namespace).Get(w.ctx, "election", metav1.GetOptions{})
	if err != nil {
		return err
	}
	say("step", "lease", "holder", *lease.Spec.HolderIdentity, "transitions", *lease.Spec.LeaseTransitions)
	return nil
}

// renewed waits until the lease was renewed once more.
func renewed(w *World) error {
	leases, before := w.client.CoordinationV1().Leases(w.namespace), time.Time{}
	return wait.PollUntilContextCancel(w.ctx, time.Millisecond, true, func(ctx context.Context) (bool, error) {
		lease, err := leases.Get(ctx, "election", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if before.IsZero() {
			before = lease.Spec.RenewTime.Time
		}
		return lease.Spec.RenewTime.After(before), nil
	})
}

func candidate(ctx context.Context, w *World, name string, leading chan<- string) {
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "election", Namespace: w.namespace},
		Client:     w.client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: name},
	}
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: lock, ReleaseOnCancel: true, Name: "election",
		LeaseDuration: 5 * time.Second, RenewDeadline: 4 * time.Second, RetryPeriod: 300 * time.Millisecond,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { leading <- name },
			OnStoppedLeading: func() { say("step", "stopped", "who", name) },
		},
	})
}
