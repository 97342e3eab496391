// Package integration stands in for the package of the same name in etcd's sources: its clusters
// are processes of Quorate, so etcd's own tests of its clients and of its interface run against
// them. What the tests touch has etcd's names.
package integration

import (
	"context"
	"fmt"
	"math/rand"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/etcdserver"
	"go.etcd.io/etcd/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/etcdserver/api/v3lock/v3lockpb"
	"go.etcd.io/etcd/etcdserver/api/v3rpc"
	pb "go.etcd.io/etcd/etcdserver/etcdserverpb"
	"go.etcd.io/etcd/pkg/transport"
	"go.etcd.io/etcd/pkg/types"
	"google.golang.org/grpc"
)

const (
	// RequestWaitTimeout is how long tests wait for a request, or for the loss of a leader.
	RequestWaitTimeout = 4 * time.Second
	// ThroughProxy says whether etcd's proxy stands between.
	ThroughProxy = false

	tickDuration   = 10 * time.Millisecond
	requestTimeout = 20 * time.Second
	patience       = 30 * time.Second
	clusterID      = "99999999999999999999999999999999"
)

var (
	electionTicks                            = 50
	testTLSInfo, testTLSInfoIP               transport.TLSInfo
	testTLSInfoExpired, testTLSInfoExpiredIP transport.TLSInfo
	defaultTokenJWT                          = "jwt"
)

// ClusterConfig is what a test asks for. What Quorate has no such setting for is ignored; a test
// that needs it is left out by name.
type ClusterConfig struct {
	Size                        int
	UseGRPC                     bool
	PeerTLS                     *transport.TLSInfo
	ClientTLS                   *transport.TLSInfo
	AuthToken                   string
	AuthTokenTTL                uint
	QuotaBackendBytes           int64
	MaxTxnOps                   uint
	MaxRequestBytes             uint
	SnapshotCount               uint64
	SnapshotCatchUpEntries      uint64
	GRPCKeepAliveMinTime        time.Duration
	GRPCKeepAliveInterval       time.Duration
	GRPCKeepAliveTimeout        time.Duration
	SkipCreatingClient          bool
	ClientMaxCallSendMsgSize    int
	ClientMaxCallRecvMsgSize    int
	UseIP                       bool
	EnableLeaseCheckpoint       bool
	LeaseCheckpointInterval     time.Duration
	LeaseCheckpointPersist      bool
	WatchProgressNotifyInterval time.Duration
	CorruptCheckTime            time.Duration
}

type cluster struct {
	cfg     *ClusterConfig
	dir     string
	Members []*member
	hidden  []*member
}

// ClusterV3 is a cluster with a client for each member.
type ClusterV3 struct {
	*cluster

	mu      sync.Mutex
	clients []*clientv3.Client
}

// member is a node: a process, and the bridge through which clients reach it.
type member struct {
	etcdserver.ServerConfig
	DialOptions   []grpc.DialOption
	ClientTLSInfo *transport.TLSInfo

	number  int
	dir     string
	args    []string
	http    string
	bridge  *bridge
	process *exec.Cmd
	stopped chan struct{}
	cfg     *ClusterConfig
	cluster *cluster
	s       *server
}

// Ports of this process, below those that the system gives to connections: between two uses of one,
// nobody else takes it.
const portsEach = 50

var (
	firstPort = 12_000 + os.Getpid()%400*portsEach
	portsUsed = 0
)

func freeAddress(t testing.TB) string {
	for tries := 0; tries < portsEach; tries++ {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+portsUsed%portsEach)
		portsUsed++
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// NewClusterByConfig makes a cluster that does not run yet.
func NewClusterByConfig(t testing.TB, cfg *ClusterConfig) *cluster {
	if cfg.ClientTLS != nil || cfg.PeerTLS != nil || cfg.AuthToken != "" {
		t.Skip("needs TLS or JWT, which Quorate does not have yet")
	}
	dir, err := os.MkdirTemp("", "quorate-go-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{cfg: cfg, dir: dir}
	members := ""
	// A keyspace has an odd number of replicas: of an even number of members one more, which never
	// answers, makes them lose their majority where etcd's would.
	for i := 1; i <= cfg.Size|1; i++ {
		http, peer, etcd := freeAddress(t), freeAddress(t), freeAddress(t)
		bridge, err := newBridge(freeAddress(t), etcd)
		if err != nil {
			t.Fatal(err)
		}
		members += fmt.Sprintf("{ node = %d, peer = %q, http = %q },", i, peer, http)
		m := &member{number: i, http: http, bridge: bridge, cfg: cfg, cluster: c}
		m.Name, m.dir = fmt.Sprint(i), filepath.Join(dir, fmt.Sprint(i))
		m.ElectionTicks, m.TickMs = electionTicks, uint(tickDuration/time.Millisecond)
		m.ClientURLs = types.URLs{url.URL{Scheme: "http", Host: etcd}}
		m.s = &server{m}
		m.args = []string{
			"server", "--node", m.Name, "--cluster", clusterID, "--boot", "bootstrap", "--chaos",
			"--data", m.dir, "--http", http, "--peer", peer, "--etcd", etcd,
			"--set", "advertise-etcd=" + bridge.address,
			"--set", fmt.Sprintf("timing.watch-progress=%dms", progress(cfg).Milliseconds()),
		}
		c.Members = append(c.Members, m)
	}
	for _, m := range c.Members {
		m.args = append(m.args, "--members", "["+members+"]")
	}
	c.Members, c.hidden = c.Members[:cfg.Size], c.Members[cfg.Size:]
	return c
}

// progress is how often a silent watch says so: tests say it here or to etcd's server in their own
// process.
func progress(cfg *ClusterConfig) time.Duration {
	if cfg.WatchProgressNotifyInterval > 0 {
		return cfg.WatchProgressNotifyInterval
	}
	return v3rpc.GetProgressReportInterval()
}

// Launch starts the members and waits until they serve.
func (c *cluster) Launch(t testing.TB) {
	all := append(append([]*member{}, c.Members...), c.hidden...)
	for _, m := range all {
		if err := m.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	if c.cfg.QuotaBackendBytes > 0 {
		c.limit(t)
	}
	for _, m := range all {
		m.waitServed(t)
	}
	for _, m := range c.hidden {
		m.kill()
	}
}

// limit makes the keyspace with the quota that the test asks for.
func (c *cluster) limit(t testing.TB) {
	contract := filepath.Join(c.dir, "contract.toml")
	text := fmt.Sprintf("program = \"coordination\"\nreplicas = %d\nquota = \"%dKiB\"\n",
		c.cfg.Size|1, (c.cfg.QuotaBackendBytes+1023)/1024)
	if err := os.WriteFile(contract, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	create := exec.Command(quorate(), "--endpoints", c.Members[0].http, "--timeout", "20s",
		"keyspace", "create", "etcd", "--file", contract)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Terminate ends the members and removes what they had.
func (c *cluster) Terminate(t testing.TB) {
	for _, m := range c.Members {
		m.kill()
	}
	if t != nil && t.Failed() && os.Getenv("KEEP") != "" {
		t.Logf("logs and data are in %s", c.dir)
		return
	}
	os.RemoveAll(c.dir)
}

// NewClusterV3 starts a cluster with clients.
func NewClusterV3(t testing.TB, cfg *ClusterConfig) *ClusterV3 {
	c := &ClusterV3{cluster: NewClusterByConfig(t, cfg)}
	c.Launch(t)
	if cfg.SkipCreatingClient {
		return c
	}
	for _, m := range c.Members {
		client, err := NewClientV3(m)
		if err != nil {
			t.Fatalf("node %d takes no client: %v", m.number, err)
		}
		c.clients = append(c.clients, client)
	}
	return c
}

// NewClientV3 is a client of one member.
func NewClientV3(m *member) (*clientv3.Client, error) {
	return newClientV3(clientv3.Config{
		Endpoints:          []string{m.GRPCAddr()},
		DialTimeout:        5 * time.Second,
		DialOptions:        append([]grpc.DialOption{grpc.WithBlock()}, m.DialOptions...),
		MaxCallSendMsgSize: m.cfg.ClientMaxCallSendMsgSize,
		MaxCallRecvMsgSize: m.cfg.ClientMaxCallRecvMsgSize,
	})
}

func newClientV3(cfg clientv3.Config) (*clientv3.Client, error) { return clientv3.New(cfg) }

// WaitClientV3 waits until a client is served.
func WaitClientV3(t testing.TB, kv clientv3.KV) {
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		_, err := kv.Get(ctx, "\x00")
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not served: %v", err)
		}
	}
}

// TakeClient leaves a client to the test.
func (c *ClusterV3) TakeClient(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients[i] = nil
}

// Client is the client of a member.
func (c *ClusterV3) Client(i int) *clientv3.Client { return c.clients[i] }

// RandClient is any client.
func (c *ClusterV3) RandClient() *clientv3.Client { return c.clients[rand.Intn(len(c.clients))] }

// Terminate ends everything and removes it.
func (c *ClusterV3) Terminate(t testing.TB) {
	c.mu.Lock()
	for _, client := range c.clients {
		if client != nil {
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	c.mu.Unlock()
	c.cluster.Terminate(t)
}

// WaitLeader waits until all members that run name the same leader, and says which it is.
func (c *cluster) WaitLeader(t testing.TB) int { return c.waitLeader(t, c.Members) }

func (c *cluster) waitLeader(t testing.TB, members []*member) int {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		leads, ids := map[uint64]bool{}, map[uint64]int{}
		for i, m := range members {
			if status := m.status(); status != nil {
				leads[status.Leader] = true
				ids[status.Header.MemberId] = i
			}
		}
		for lead := range leads {
			if i, ok := ids[lead]; ok && len(leads) == 1 {
				return i
			}
		}
		time.Sleep(tickDuration)
	}
	t.Fatal("no leader")
	return -1
}

// WaitNoLeader waits until no member that runs names a leader.
func (c *cluster) WaitNoLeader() { c.waitNoLeader(c.Members) }

func (c *cluster) waitNoLeader(members []*member) {
	for {
		none := true
		for _, m := range members {
			if status := m.status(); status != nil && status.Leader != 0 {
				none = false
			}
		}
		if none {
			return
		}
		time.Sleep(tickDuration)
	}
}

// Tests wait for a few of etcd's election timeouts, 300 ms, before they ask the members that are
// left. Quorate's are longer, and a busy machine's longer still.
const settling = 5 * time.Second

// settle waits until the members that run know who of them leads, or that nobody can.
func (c *cluster) settle() {
	all := append(append([]*member{}, c.Members...), c.hidden...)
	running, ids := []*member{}, map[uint64]bool{}
	for _, m := range all {
		if m.process != nil {
			running = append(running, m)
			ids[uint64(m.number)] = true
		}
	}
	majority := 2*len(running) > len(all)
	deadline := time.Now().Add(settling)
	for _, m := range running {
		knows := func() bool {
			if !majority {
				return m.hasNoLeader()
			}
			status := m.status()
			return status != nil && ids[status.Leader]
		}
		for !knows() && time.Now().Before(deadline) {
			time.Sleep(tickDuration)
		}
	}
}

// URLs are where clients reach the members.
func (c *cluster) URLs() (urls []string) {
	for _, m := range c.Members {
		urls = append(urls, m.URL())
	}
	return urls
}

// GetLearnerMembers lists the learners.
func (c *ClusterV3) GetLearnerMembers() (learners []*pb.Member, err error) {
	list, err := c.Client(0).MemberList(context.Background())
	if err != nil {
		return nil, err
	}
	for _, m := range list.Members {
		if m.IsLearner {
			learners = append(learners, m)
		}
	}
	return learners, nil
}

// AddMember, RemoveMember, AddAndLaunchLearnerMember and MustNewMember would need nodes that join
// and leave by etcd's calls.
func (c *cluster) AddMember(t testing.TB)                   { t.Skip(joins) }
func (c *cluster) RemoveMember(t testing.TB, _ uint64)      { t.Skip(joins) }
func (c *ClusterV3) AddAndLaunchLearnerMember(t testing.TB) { t.Skip(joins) }
func (c *ClusterV3) MustNewMember(t testing.TB, _ interface{}) *member {
	t.Skip(joins)
	return nil
}

const joins = "nodes join Quorate by its own commands"

type grpcAPI struct {
	Cluster     pb.ClusterClient
	KV          pb.KVClient
	Lease       pb.LeaseClient
	Watch       pb.WatchClient
	Maintenance pb.MaintenanceClient
	Auth        pb.AuthClient
	Lock        v3lockpb.LockClient
	Election    v3electionpb.ElectionClient
}

func toGRPC(c *clientv3.Client) grpcAPI {
	conn := c.ActiveConnection()
	return grpcAPI{
		pb.NewClusterClient(conn), pb.NewKVClient(conn), pb.NewLeaseClient(conn),
		pb.NewWatchClient(conn), pb.NewMaintenanceClient(conn), pb.NewAuthClient(conn),
		v3lockpb.NewLockClient(conn), v3electionpb.NewElectionClient(conn),
	}
}
