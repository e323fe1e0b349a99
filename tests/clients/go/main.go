// Command clientgo drives an API server with client-go as controllers do, one scenario a run, and prints what it saw
// as JSON lines. test_client_go.py builds it, runs it and checks the lines.
//
//	clientgo -kubeconfig FILE -namespace NS [-protobuf] SCENARIO
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// limit ends a scenario that hangs.
const limit = 60 * time.Second

// World is what every scenario gets.
type World struct {
	ctx       context.Context
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
	traffic   *traffic
}

var scenarios = map[string]func(*World) error{
	"typed":     typed,
	"pages":     pages,
	"conflict":  conflict,
	"informers": informers,
	"churn":     churn,
	"dynamic":   dynamics,
	"metadata":  metadataOnly,
	"discovery": discoveries,
	"election":  election,
	"streams":   streams,
	"loop":      loop,
}

var printing sync.Mutex

// say prints one line: alternating names and values.
func say(pairs ...any) {
	line := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		line[pairs[i].(string)] = pairs[i+1]
	}
	printing.Lock()
	defer printing.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

// traffic notes what goes over the wire.
type traffic struct {
	next   http.RoundTripper
	mutex  sync.Mutex
	counts map[string]int
}

func (t *traffic) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	query := request.URL.Query()
	kind := request.Method
	switch {
	case query.Get("sendInitialEvents") == "true":
		kind = "WATCHLIST"
	case query.Get("watch") != "":
		kind = "WATCH"
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.counts[kind]++
	if err == nil {
		media, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
		t.counts["answer "+media]++
	}
	return response, err
}

// seen gives the counted names and starts anew.
func (t *traffic) seen() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	names := make([]string, 0, len(t.counts))
	for name := range t.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	t.counts = map[string]int{}
	return names
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the server")
	namespace := flag.String("namespace", "", "a namespace to work in; it exists")
	protobuf := flag.Bool("protobuf", false, "speak protobuf where the client can")
	flag.Parse()
	run, known := scenarios[flag.Arg(0)]
	if !known {
		fmt.Fprintln(os.Stderr, "no such scenario:", flag.Arg(0))
		os.Exit(2)
	}
	world, err := newWorld(*kubeconfig, *namespace, *protobuf)
	if err == nil {
		var cancel context.CancelFunc
		world.ctx, cancel = context.WithTimeout(context.Background(), limit)
		defer cancel()
		err = run(world)
	}
	if err != nil {
		say("failed", err.Error())
		os.Exit(1)
	}
}

func newWorld(kubeconfig, namespace string, protobuf bool) (*World, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	noted := &traffic{counts: map[string]int{}}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { noted.next = next; return noted })
	config.QPS = -1
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if protobuf {
		config.ContentType = runtime.ContentTypeProtobuf
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	client, err := kubernetes.NewForConfig(config)
	return &World{config: config, client: client, namespace: namespace, traffic: noted}, err
}
