// Runs the scripts that etcd_scripts writes with etcd's raft, and prints what its nodes come to.
package main

import (
	"bufio"
	"fmt"
	"io/ioutil"
	"log"
	"math"
	"os"
	"strings"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/raftpb"
)

const electionTicks = 1000 // more than the heartbeats of any script: timeouts pass where a script says so
const beatsASettle = 3

// The voters are those of the script; everything else is on the disk.
type disk struct {
	*raft.MemoryStorage
	voters []uint64
}

func (d *disk) InitialState() (raftpb.HardState, raftpb.ConfState, error) {
	state, _, err := d.MemoryStorage.InitialState()
	return state, raftpb.ConfState{Voters: d.voters}, err
}

type node struct {
	disk *disk
	raw  *raft.RawNode
}

type link struct{ from, to uint64 }

type group struct {
	ids     []uint64
	nodes   map[uint64]*node
	cut     map[link]bool
	letters []raftpb.Message
	silent  bool // what is sent is lost
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func newGroup(members uint64) *group {
	g := &group{nodes: map[uint64]*node{}, cut: map[link]bool{}}
	for id := uint64(1); id <= members; id++ {
		g.ids = append(g.ids, id)
	}
	for _, id := range g.ids {
		g.nodes[id] = &node{disk: &disk{raft.NewMemoryStorage(), g.ids}}
		g.start(id)
	}
	return g
}

func (g *group) start(id uint64) {
	raw, err := raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: electionTicks, HeartbeatTick: 1, Storage: g.nodes[id].disk,
		MaxSizePerMsg: math.MaxUint64, MaxInflightMsgs: 4096, CheckQuorum: true, PreVote: true,
		Logger: &raft.DefaultLogger{Logger: log.New(ioutil.Discard, "", 0)},
	})
	check(err)
	g.nodes[id].raw = raw
}

func (g *group) carryOut(id uint64) {
	n := g.nodes[id]
	for n.raw.HasReady() {
		ready := n.raw.Ready()
		check(n.disk.Append(ready.Entries))
		if !raft.IsEmptyHardState(ready.HardState) {
			check(n.disk.SetHardState(ready.HardState))
		}
		for _, message := range ready.Messages {
			if !g.silent && !g.cut[link{id, message.To}] {
				g.letters = append(g.letters, message)
			}
		}
		n.raw.Advance(ready)
	}
}

func (g *group) deliverAll() {
	for len(g.letters) > 0 {
		message := g.letters[0]
		g.letters = g.letters[1:]
		check(g.nodes[message.To].raw.Step(message))
		g.carryOut(message.To)
	}
}

func (g *group) isLeader(id uint64) bool {
	return g.nodes[id].raw.BasicStatus().RaftState == raft.StateLeader
}

func (g *group) leaders() []uint64 {
	var result []uint64
	for _, id := range g.ids {
		if g.isLeader(id) {
			result = append(result, id)
		}
	}
	return result
}

func (g *group) beat(id uint64) {
	g.nodes[id].raw.Tick()
	g.carryOut(id)
}

// A whole election timeout in which nothing of this leader arrives: CheckQuorum looks once.
func (g *group) silence(id uint64) {
	g.silent = true
	for i := 0; i < electionTicks && g.isLeader(id); i++ {
		g.beat(id)
	}
	g.silent = false
}

func (g *group) transfer(successor uint64) {
	var from uint64
	for _, id := range g.leaders() {
		if from == 0 || g.nodes[id].raw.BasicStatus().Term > g.nodes[from].raw.BasicStatus().Term {
			from = id
		}
	}
	if from == 0 || from == successor || g.cut[link{from, successor}] || g.cut[link{successor, from}] {
		return
	}
	g.nodes[from].raw.TransferLeader(successor)
	g.carryOut(from)
}

func (g *group) operation(verb string, one, two uint64) {
	switch verb {
	case "campaign":
		check(g.nodes[one].raw.Campaign())
		g.carryOut(one)
	case "expire":
		for i := 0; i < electionTicks && !g.isLeader(one); i++ {
			g.nodes[one].raw.TickQuiesced()
		}
	case "propose":
		for _, id := range g.leaders() {
			_ = g.nodes[id].raw.Propose([]byte("x")) // refused during a transfer
			g.carryOut(id)
		}
	case "transfer":
		g.transfer(one)
	case "cut":
		g.cut[link{one, two}] = true
	case "heal":
		g.cut = map[link]bool{}
	case "quorum":
		for _, id := range g.leaders() {
			g.silence(id)
			if g.isLeader(id) {
				g.beat(id)
			}
			g.deliverAll()
			g.silence(id)
		}
	case "deliver":
		g.deliverAll()
	case "restart":
		g.start(one)
	default:
		panic("no such operation: " + verb)
	}
}

func (g *group) settle() string {
	g.deliverAll()
	for i := 0; i < beatsASettle; i++ {
		for _, id := range g.leaders() {
			g.beat(id)
		}
		g.deliverAll()
	}
	var line []string
	for _, id := range g.ids {
		status := g.nodes[id].raw.BasicStatus()
		last, err := g.nodes[id].disk.LastIndex()
		check(err)
		term, err := g.nodes[id].disk.Term(last)
		check(err)
		line = append(line, fmt.Sprintf("%d:%d/%d/%d/%d@%d", id, status.Term, status.Lead, status.Commit, last, term))
	}
	return strings.Join(line, " ")
}

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var g *group
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var verb string
		var one, two uint64
		_, _ = fmt.Sscan(lines.Text(), &verb, &one, &two)
		switch verb {
		case "script":
			fmt.Fprintln(out, lines.Text())
		case "group":
			g = newGroup(one)
		case "settle":
			fmt.Fprintln(out, g.settle())
		default:
			g.operation(verb, one, two)
		}
	}
}
