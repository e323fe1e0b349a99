package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
)

// webServer says when it listens, answers every request and writes what was asked for.
const webServer = `
import http.server, os
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello from " + self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *line):
        print(self.path, flush=True)
server = http.server.ThreadingHTTPServer((os.environ["IP"], 8080), Hello)
print("listening", flush=True)
server.serve_forever()
`

// transports are the two ways in which clients ask for streams.
var transports = []string{"websocket", "spdy"}

// streams runs commands in a pod, forwards its port and follows its log, as a node in process mode has them.
func streams(w *World) error {
	if err := w.startWebServer(); err != nil {
		return err
	}
	log, err := w.followed()
	if err != nil {
		return err
	}
	for _, transport := range transports {
		for _, step := range []func(string) error{w.command, w.binary, w.terminal, w.leaves, w.forward} {
			if err := step(transport); err != nil {
				return fmt.Errorf("%s: %w", transport, err)
			}
		}
	}
	return w.logEnds(log)
}

func (w *World) startWebServer() error {
	pods := w.client.CoreV1().Pods(w.namespace)
	own := corev1.EnvVar{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}
	_, err := pods.Create(w.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "web", Image: "registry.example/web:1", Command: []string{"python3", "-c", webServer}, Env: []corev1.EnvVar{own}}}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	one := fields.OneTermEqualSelector("metadata.name", "web")
	listed := cache.NewListWatchFromClient(w.client.CoreV1().RESTClient(), "pods", w.namespace, one)
	_, err = watchtools.UntilWithSync(w.ctx, listed, &corev1.Pod{}, nil, running)
	return err
}

func running(event watch.Event) (bool, error) {
	pod, is := event.Object.(*corev1.Pod)
	return is && pod.Status.Phase == corev1.PodRunning, nil
}

// followed opens the log and waits until the server in the pod listens.
func (w *World) followed() (io.ReadCloser, error) {
	log, err := w.client.CoreV1().Pods(w.namespace).GetLogs("web", &corev1.PodLogOptions{Follow: true}).Stream(w.ctx)
	if err != nil {
		return nil, err
	}
	line := make([]byte, len("listening\n"))
	_, err = io.ReadFull(log, line)
	say("step", "log", "line", string(line))
	return log, err
}

// unnoted is the configuration without the notes of traffic, which is about one transport, and streams have their own.
func (w *World) unnoted() *rest.Config {
	config := rest.CopyConfig(w.config)
	config.WrapTransport = nil
	return config
}

// execution is what a command is run with and what became of it.
type execution struct {
	remotecommand.StreamOptions
	command []string
}

func (w *World) address(room string, options runtime.Object) *url.URL {
	request := w.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(w.namespace).Name("web").SubResource(room)
	if options != nil {
		request.VersionedParams(options, scheme.ParameterCodec)
	}
	return request.URL()
}

func (w *World) run(ctx context.Context, transport string, e execution) error {
	address := w.address("exec", &corev1.PodExecOptions{Command: e.command, Stdin: e.Stdin != nil, Stdout: e.Stdout != nil,
		Stderr: e.Stderr != nil, TTY: e.Tty})
	var executor remotecommand.Executor
	var err error
	if transport == "spdy" {
		executor, err = remotecommand.NewSPDYExecutor(w.unnoted(), "POST", address)
	} else {
		executor, err = remotecommand.NewWebSocketExecutor(w.unnoted(), "GET", address.String())
	}
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, e.StreamOptions)
}

// command has input, both outputs and an exit code.
func (w *World) command(transport string) error {
	var out, wrong bytes.Buffer
	e := execution{command: []string{"sh", "-c", "read word; echo out $word; echo err >&2; exit 7"}}
	e.Stdin, e.Stdout, e.Stderr = strings.NewReader("given\n"), &out, &wrong
	err := w.run(w.ctx, transport, e)
	var exit utilexec.CodeExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("no exit code: %v", err)
	}
	say("step", "exec", "transport", transport, "out", out.String(), "err", wrong.String(), "code", exit.Code, "message", err.Error())
	return nil
}

// binary sends bytes that end, and gets them back.
func (w *World) binary(transport string) error {
	data := make([]byte, 5_000_001)
	rand.New(rand.NewSource(7)).Read(data)
	back := sha256.New()
	e := execution{command: []string{"cat"}}
	e.Stdin, e.Stdout = bytes.NewReader(data), back
	if err := w.run(w.ctx, transport, e); err != nil {
		return err
	}
	say("step", "binary", "transport", transport, "same", sha256.Sum256(data) == [32]byte(back.Sum(nil)))
	return nil
}

// sizes tells the terminal's sizes as they come.
type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, more := <-s
	if !more {
		return nil
	}
	return &size
}

// terminal changes its size while a command watches it. The command ends with the input.
func (w *World) terminal(transport string) error {
	queue := make(sizes, 2)
	typed, keys := io.Pipe()
	seen := &noticing{wanted: map[string]func(){
		"30 100": func() { queue <- remotecommand.TerminalSize{Width: 132, Height: 43} },
		"43 132": func() { close(queue); go func() { _, _ = keys.Write([]byte{4}); _ = keys.Close() }() },
	}}
	script := "exec 3<&0; while :; do stty size <&3; sleep 0.02; done & cat >/dev/null; kill $!; exit 5"
	e := execution{command: []string{"sh", "-c", script}}
	e.Stdin, e.Stdout, e.Tty, e.TerminalSizeQueue = typed, seen, true, queue
	queue <- remotecommand.TerminalSize{Width: 100, Height: 30}
	err := w.run(w.ctx, transport, e)
	var exit utilexec.CodeExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("no exit code: %v", err)
	}
	say("step", "terminal", "transport", transport, "resized", len(seen.wanted) == 0, "code", exit.Code)
	return nil
}

// noticing is a writer that acts once on each text that comes by.
type noticing struct {
	text   string
	wanted map[string]func()
}

func (n *noticing) Write(data []byte) (int, error) {
	n.text += string(data)
	for text, act := range n.wanted {
		if strings.Contains(n.text, text) {
			delete(n.wanted, text)
			act()
		}
	}
	return len(data), nil
}

// leaves goes away in the middle of a command that writes for ever.
func (w *World) leaves(transport string) error {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	e := execution{command: []string{"sh", "-c", "while :; do echo still here; sleep 0.01; done"}}
	e.Stdout = &noticing{wanted: map[string]func(){"still here": cancel}}
	err := w.run(ctx, transport, e)
	say("step", "leaves", "transport", transport, "canceled", errors.Is(err, context.Canceled))
	return nil
}

func (w *World) dialer(transport string) (httpstream.Dialer, error) {
	address := w.address("portforward", nil)
	if transport == "websocket" {
		return portforward.NewSPDYOverWebsocketDialer(address, w.unnoted())
	}
	tripper, upgrader, err := spdy.RoundTripperFor(w.unnoted())
	if err != nil {
		return nil, err
	}
	return spdy.NewDialer(upgrader, &http.Client{Transport: tripper}, "POST", address), nil
}

// forward fetches through a forwarded port, many at once.
func (w *World) forward(transport string) error {
	dialer, err := w.dialer(transport)
	if err != nil {
		return err
	}
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return err
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	good := fetchAll(fmt.Sprintf("http://127.0.0.1:%d/%s", ports[0].Local, transport), 50)
	close(stop)
	say("step", "forward", "transport", transport, "good", good, "ended", fmt.Sprint(<-ended))
	return nil
}

// fetchAll asks that often at once, each on a connection of its own, and counts the right answers.
func fetchAll(address string, times int) int {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var group sync.WaitGroup
	var mutex sync.Mutex
	good := 0
	for range times {
		group.Go(func() {
			answer, err := client.Get(address)
			if err != nil {
				return
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if parsed, _ := url.Parse(address); err == nil && string(body) == "hello from "+parsed.Path {
				mutex.Lock()
				good++
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	return good
}

// logEnds deletes the pod: whoever follows its log sees all of it, and then the end.
func (w *World) logEnds(log io.ReadCloser) error {
	now := int64(1)
	if err := w.client.CoreV1().Pods(w.namespace).Delete(w.ctx, "web", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		return err
	}
	rest, err := io.ReadAll(log)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, line := range strings.Fields(string(rest)) {
		counts[line]++
	}
	say("step", "log", "lines", counts)
	return nil
}
