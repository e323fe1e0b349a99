// Command older speaks SPDY as clients did before there were WebSockets for it: client-go's executors, port forwarders
// and log streams of that time, behind the few arguments of kubectl that tests give.
//
//	KUBECONFIG=FILE older logs POD | exec [-i] [-t] POD -- COMMAND... | attach [-i] POD | port-forward POD PORT
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
)

// order is what the command line asks for.
type order struct {
	verb, pod  string
	rest       []string
	input, tty bool
	config     *rest.Config
	client     *rest.RESTClient
}

func main() {
	err := carryOut()
	var exit utilexec.CodeExitError
	if errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exit.Code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func carryOut() error {
	o := &order{verb: os.Args[1]}
	flags := flag.NewFlagSet(o.verb, flag.ExitOnError)
	flags.BoolVar(&o.input, "i", false, "input")
	flags.BoolVar(&o.tty, "t", false, "terminal")
	flags.Bool("f", true, "follow")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	o.pod, o.rest = flags.Arg(0), flags.Args()[1:]
	if len(o.rest) > 0 && o.rest[0] == "--" {
		o.rest = o.rest[1:]
	}
	if err := o.connect(); err != nil {
		return err
	}
	switch o.verb {
	case "logs":
		return o.logs()
	case "exec":
		return o.run(&corev1.PodExecOptions{Command: o.rest, Stdin: o.input, Stdout: true, Stderr: !o.tty, TTY: o.tty})
	case "attach":
		return o.run(&corev1.PodAttachOptions{Stdin: o.input, Stdout: true, Stderr: true})
	case "port-forward":
		return o.forward()
	}
	return fmt.Errorf("unknown: %s", o.verb)
}

func (o *order) connect() (err error) {
	if o.config, err = clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")); err != nil {
		return err
	}
	o.config.APIPath, o.config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	o.config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	o.client, err = rest.RESTClientFor(o.config)
	return err
}

func (o *order) address(room string, options runtime.Object) *url.URL {
	request := o.client.Post().Resource("pods").Namespace("default").Name(o.pod).SubResource(room)
	if options != nil {
		request.VersionedParams(options, scheme.ParameterCodec)
	}
	return request.URL()
}

func (o *order) logs() error {
	request := o.client.Get().Resource("pods").Namespace("default").Name(o.pod).SubResource("log")
	log, err := request.VersionedParams(&corev1.PodLogOptions{Follow: true}, scheme.ParameterCodec).Stream(context.Background())
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, log)
	return err
}

func (o *order) run(options runtime.Object) error {
	executor, err := remotecommand.NewSPDYExecutor(o.config, "POST", o.address(o.verb, options))
	if err != nil {
		return err
	}
	streams := remotecommand.StreamOptions{Stdout: os.Stdout, Stderr: os.Stderr, Tty: o.tty}
	if o.input {
		streams.Stdin = os.Stdin
	}
	if o.tty {
		before, err := term.MakeRaw(0)
		if err != nil {
			return err
		}
		defer func() { _ = term.Restore(0, before) }()
		streams.Stderr, streams.TerminalSizeQueue = nil, watchedSize()
	}
	return executor.StreamWithContext(context.Background(), streams)
}

// sizes has a signal for each change of the terminal's size, and one for the first.
type sizes chan os.Signal

func watchedSize() sizes {
	changes := make(sizes, 1)
	changes <- syscall.SIGWINCH
	signal.Notify(changes, syscall.SIGWINCH)
	return changes
}

func (s sizes) Next() *remotecommand.TerminalSize {
	<-s
	width, height, err := term.GetSize(0)
	if err != nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: uint16(width), Height: uint16(height)}
}

func (o *order) forward() error {
	tripper, upgrader, err := spdy.RoundTripperFor(o.config)
	if err != nil {
		return err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: tripper}, "POST", o.address("portforward", nil))
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, o.rest, stop, ready, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	return forwarder.ForwardPorts()
}
