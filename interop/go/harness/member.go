package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/etcdserver/api/v3rpc/rpctypes"
	pb "go.etcd.io/etcd/etcdserver/etcdserverpb"
	"go.etcd.io/etcd/pkg/types"
)

func quorate() string {
	if path := os.Getenv("QUORATE"); path != "" {
		return path
	}
	return "quorate"
}

func (m *member) Launch() error {
	log, err := os.OpenFile(m.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	m.process = exec.Command(quorate(), m.args...)
	m.process.Stdout, m.process.Stderr = log, log
	if err := m.bridge.open(); err != nil {
		return err
	}
	m.stopped = make(chan struct{})
	return m.process.Start()
}

func (m *member) waitServed(t testing.TB) {
	var client *clientv3.Client
	err := fmt.Errorf("not tried")
	for deadline := time.Now().Add(patience); err != nil; {
		if client, err = NewClientV3(m); err != nil && time.Now().After(deadline) {
			t.Fatalf("node %d takes no client: %v", m.number, err)
		}
	}
	defer client.Close()
	WaitClientV3(t, client)
}

func (m *member) wait() {
	m.process.Wait()
	m.process = nil
	close(m.stopped)
}

// kill ends the process as a crash would.
func (m *member) kill() {
	m.bridge.close()
	if m.process != nil {
		m.process.Process.Kill()
		m.wait()
	}
}

// Stop ends the process in order.
func (m *member) Stop(testing.TB) {
	if m.process != nil {
		m.process.Process.Signal(syscall.SIGTERM)
		m.wait()
	}
	m.bridge.close()
	m.cluster.settle()
}

// Restart starts it again on what it had.
func (m *member) Restart(t testing.TB) error {
	if err := m.Launch(); err != nil {
		return err
	}
	m.WaitStarted(t)
	return nil
}

// Terminate ends the process and removes its data.
func (m *member) Terminate(testing.TB) {
	m.kill()
	os.RemoveAll(m.dir)
}

// WaitOK and WaitStarted wait until it answers.
func (m *member) WaitOK(t testing.TB) { m.WaitStarted(t) }
func (m *member) WaitStarted(t testing.TB) {
	deadline := time.Now().Add(patience)
	for m.status() == nil {
		if time.Now().After(deadline) {
			t.Fatalf("node %d does not answer", m.number)
		}
		time.Sleep(tickDuration)
	}
}

// GRPCAddr is where clients reach it.
func (m *member) GRPCAddr() string { return m.bridge.address }

// URL is where clients reach it, past the bridge.
func (m *member) URL() string { return m.ClientURLs[0].String() }

func (m *member) ID() types.ID                   { return m.s.ID() }
func (m *member) ElectionTimeout() time.Duration { return time.Duration(electionTicks) * tickDuration }
func (m *member) StopNotify() <-chan struct{}    { return m.stopped }
func (m *member) ReadyNotify() <-chan struct{}   { return m.s.ReadyNotify() }
func (m *member) DropConnections()               { m.bridge.reset() }
func (m *member) PauseConnections()              { m.bridge.pause(true) }
func (m *member) UnpauseConnections()            { m.bridge.pause(false) }
func (m *member) Blackhole()                     { m.bridge.swallow(true) }
func (m *member) Unblackhole()                   { m.bridge.swallow(false) }

// InjectPartition cuts a member off from others.
func (m *member) InjectPartition(t testing.TB, others ...*member) {
	if err := m.cut(others); err != nil {
		t.Fatal(err)
	}
}

// RecoverPartition ends that.
func (m *member) RecoverPartition(t testing.TB, _ ...*member) {
	if err := m.chaos(`{"fault":"heal"}`); err != nil {
		t.Fatal(err)
	}
}

// Pause cuts a member off from all others; it goes on to talk to clients.
func (m *member) Pause() {
	var others []*member
	for _, other := range m.cluster.Members {
		if other != m {
			others = append(others, other)
		}
	}
	m.cut(others)
}

// Resume ends that.
func (m *member) Resume() { m.chaos(`{"fault":"heal"}`) }

func (m *member) cut(others []*member) error {
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = fmt.Sprintf("%q", "n"+other.Name)
	}
	return m.chaos(`{"fault":"partition","nodes":[` + strings.Join(names, ",") + `]}`)
}

func (m *member) chaos(fault string) error {
	answer, err := http.Post("http://"+m.http+"/v1/chaos", "application/json", strings.NewReader(fault))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", fault, answer.Status)
	}
	return nil
}

// Metric is a figure by the beginning of its name.
func (m *member) Metric(name string) (string, error) {
	answer, err := http.Get(m.URL() + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	for _, line := range strings.Split(string(body), "\n") {
		if strings.HasPrefix(line, name) {
			return strings.Split(line, " ")[1], err
		}
	}
	return "", err
}

// status asks the member itself; nil if it does not answer.
func (m *member) status() *clientv3.StatusResponse {
	if m.process == nil {
		return nil
	}
	var status *clientv3.StatusResponse
	m.ask(func(ctx context.Context, client *clientv3.Client) (err error) {
		status, err = client.Status(ctx, m.GRPCAddr())
		return err
	})
	return status
}

// hasNoLeader says whether it refuses who wants a leader.
func (m *member) hasNoLeader() bool {
	return m.ask(func(ctx context.Context, client *clientv3.Client) error {
		kv := pb.NewKVClient(client.ActiveConnection())
		_, err := kv.Range(clientv3.WithRequireLeader(ctx), &pb.RangeRequest{Key: []byte{0}, Serializable: true})
		if rpctypes.Error(err) != rpctypes.ErrNoLeader {
			return nil
		}
		return err
	}) != nil
}

func (m *member) ask(what func(context.Context, *clientv3.Client) error) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{m.GRPCAddr()}})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return what(ctx, client)
}

// server is what tests ask of etcd's server in their own process.
type server struct{ m *member }

func (s *server) ID() types.ID {
	if status := s.m.status(); status != nil {
		return types.ID(status.Header.MemberId)
	}
	return 0
}

func (s *server) Lead() uint64 {
	if status := s.m.status(); status != nil {
		return status.Leader
	}
	return 0
}

func (s *server) ReadyNotify() <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}

func (s *server) Alarm(_ context.Context, r *pb.AlarmRequest) (answer *pb.AlarmResponse, err error) {
	err = s.m.ask(func(ctx context.Context, client *clientv3.Client) (err error) {
		answer, err = pb.NewMaintenanceClient(client.ActiveConnection()).Alarm(ctx, r)
		return err
	})
	return answer, err
}

// TransferLeadership hands over to any other member.
func (s *server) TransferLeadership() error {
	return s.m.ask(func(ctx context.Context, client *clientv3.Client) error {
		list, err := client.MemberList(ctx)
		if err != nil {
			return err
		}
		for _, other := range list.Members {
			if types.ID(other.ID) != s.ID() {
				_, err = client.MoveLeader(ctx, other.ID)
				return err
			}
		}
		return fmt.Errorf("there is nobody else")
	})
}

// checkLeaderTransition waits until the member names another leader.
func checkLeaderTransition(m *member, old uint64) uint64 {
	lead := m.s.Lead()
	for lead == 0 || lead == old {
		time.Sleep(tickDuration)
		lead = m.s.Lead()
	}
	return lead
}
