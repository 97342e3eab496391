package integration

import (
	"io"
	"net"
	"sync"
)

// bridge carries connections to a member, and can be told not to.
type bridge struct {
	address, to string

	mu       sync.Mutex
	changed  *sync.Cond
	listener net.Listener
	paused   bool
	swallows bool
	open_    map[net.Conn]bool
}

func newBridge(address, to string) (*bridge, error) {
	b := &bridge{to: to, address: address, open_: map[net.Conn]bool{}}
	b.changed = sync.NewCond(&b.mu)
	return b, b.open()
}

// open takes connections, at the same address as before.
func (b *bridge) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", b.address)
	if err != nil {
		return err
	}
	b.listener = listener
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.carry(client)
		}
	}()
	return nil
}

// close takes no more connections and ends those that there are.
func (b *bridge) close() {
	b.mu.Lock()
	if b.listener != nil {
		b.listener.Close()
		b.listener = nil
	}
	b.paused, b.swallows = false, false
	b.changed.Broadcast()
	b.mu.Unlock()
	b.reset()
}

func (b *bridge) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.open_ {
		conn.Close()
	}
}

func (b *bridge) pause(paused bool) { b.set(func() { b.paused = paused }) }

// swallow loses all bytes; what was swallowed of a connection is never found again.
func (b *bridge) swallow(swallows bool) {
	b.set(func() { b.swallows = swallows })
	if !swallows {
		b.reset()
	}
}

func (b *bridge) set(what func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what()
	b.changed.Broadcast()
}

// carry moves bytes both ways until either side ends.
func (b *bridge) carry(client net.Conn) {
	defer client.Close()
	b.mu.Lock()
	for b.paused {
		b.changed.Wait()
	}
	b.mu.Unlock()
	server, err := net.Dial("tcp", b.to)
	if err != nil {
		return
	}
	defer server.Close()
	b.set(func() { b.open_[client], b.open_[server] = true, true })
	defer b.set(func() { delete(b.open_, client); delete(b.open_, server) })
	done := make(chan struct{})
	go func() {
		b.move(server, client)
		server.Close()
		client.Close()
		close(done)
	}()
	b.move(client, server)
	server.Close()
	client.Close()
	<-done
}

// move carries bytes one way, or swallows them. As etcd's own bridge does, it still carries what it
// was waiting for when it was told to swallow.
func (b *bridge) move(to, from net.Conn) {
	bytes := make([]byte, 32<<10)
	for {
		b.mu.Lock()
		swallows := b.swallows
		b.mu.Unlock()
		if swallows {
			io.Copy(io.Discard, from)
			return
		}
		n, err := from.Read(bytes)
		if _, failed := to.Write(bytes[:n]); err != nil || failed != nil {
			return
		}
	}
}
