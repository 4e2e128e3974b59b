// Says of objects what Argo CD would: whether they differ from what is applied, how healthy they are, and which actions
// are offered. All of it is Argo CD's own code, called as its controller does, with the ConfigMap argocd-cm of a cluster.
//
// Standard input has objects {"target": …, "live": …} one after the other, target null where there is nothing to compare;
// standard output has an answer a line.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/health"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	kubeutil "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type question struct{ Target, Live *unstructured.Unstructured }

type answer struct {
	Modified  bool                      `json:"modified"`
	Live      json.RawMessage           `json:"live"`
	Predicted json.RawMessage           `json:"predicted"`
	Health    *health.HealthStatus      `json:"health"`
	Actions   []v1alpha1.ResourceAction `json:"actions"`
}

func main() {
	namespace := flag.String("namespace", "argocd", "the namespace of the ConfigMap argocd-cm")
	byServer := flag.Bool("server-side-diff", false, "compare with what the API server would make of it")
	ignored := flag.String("ignore", "[]", "what an Application has in spec.ignoreDifferences, as JSON")
	flag.Parse()
	var ignores []v1alpha1.ResourceIgnoreDifferences
	fail(json.Unmarshal([]byte(*ignored), &ignores))
	ctx := context.Background()
	config := must(clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")))
	client := must(kubernetes.NewForConfig(config))
	overrides := must(settings.NewSettingsManager(ctx, client, *namespace).GetResourceOverrides())
	_, parser, err := kubeutil.NewKubectl().LoadOpenAPISchema(config)
	fail(err)
	applier, cleanup, err := kubeutil.ManageServerSideDiffDryRuns(config, nil)
	fail(err)
	defer cleanup()
	compare := must(argodiff.NewDiffConfigBuilder().
		WithDiffSettings(ignores, overrides, false, normalizers.IgnoreNormalizerOpts{}).
		WithTracking(common.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
		WithNoCache().
		WithGVKParser(parser).
		WithManager(common.ArgoCDSSAManager).
		WithServerSideDiff(*byServer).
		WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier)).
		Build())
	vm := lua.VM{ResourceOverrides: overrides}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked question
		if err := in.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else {
			fail(err)
		}
		said := answer{Live: []byte("null"), Predicted: []byte("null")}
		if asked.Target != nil {
			found := must(argodiff.StateDiff(ctx, asked.Live, asked.Target, compare))
			said.Modified, said.Live, said.Predicted = found.Modified, found.NormalizedLive, found.PredictedLive
		}
		said.Health = must(health.GetResourceHealth(asked.Live, lua.ResourceHealthOverrides(overrides)))
		if scripts := must(vm.GetResourceActionDiscovery(asked.Live)); len(scripts) > 0 {
			said.Actions = must(vm.ExecuteResourceActionDiscovery(asked.Live, scripts))
		}
		fail(out.Encode(said))
	}
}

func must[T any](value T, err error) T {
	fail(err)
	return value
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
