package geo

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

func hostingNone(uint32) bool { return false }

// use looks up addresses of the test files; it must end, whatever the file is.
func use(d *database) {
	for _, text := range []string{"81.2.69.142", "8.8.8.8", "8.8.9.9", "2001:4860:4860::8888", "255.255.255.255", "::1", "ffff::"} {
		d.find(netip.MustParseAddr(text))
	}
}

// A file cut anywhere is refused.
func TestTornFile(t *testing.T) {
	content := cities(t)
	for n := range len(content) {
		if _, err := open(content[:n], hostingNone); err == nil {
			t.Fatalf("%d of %d bytes were taken for a file", n, len(content))
		}
	}
}

// A damaged file is refused or answers something; it never ends the process.
func TestDamagedFile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, content := range [][]byte{cities(t), asns(t), connections(t)} {
		for i := range content {
			damaged := append([]byte(nil), content...)
			damaged[i] ^= byte(1 + random.IntN(255))
			if d, err := open(damaged, hostingNone); err == nil {
				use(d)
			}
		}
	}
}

// FuzzOpen finds most with -fuzzminimizetime=10x: otherwise the engine spends a minute on making each find smaller.
func FuzzOpen(f *testing.F) {
	f.Add(cities(f))
	f.Add(asns(f))
	f.Add(connections(f))
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(_ *testing.T, content []byte) {
		if len(content) > 1<<16 {
			return
		}
		if d, err := open(content, hostingNone); err == nil {
			use(d)
		}
	})
}

// large is a city file with as many places as a small country's.
func large(tb testing.TB, n int) []byte {
	records := make([]record, n)
	for i := range records {
		network := fmt.Sprintf("%d.%d.%d.0/24", 20+i>>16, i>>8&255, i&255)
		records[i] = cityRecord(network, "DE", fmt.Sprintf("Region %d", i%16), fmt.Sprintf("City %d", i%20_000))
	}
	return makeMMDB(tb, "GeoLite2-City", 6, records...)
}

func TestLocateDoesNotAllocate(t *testing.T) {
	l := openLocator(t, configured(t))
	for _, text := range []string{"81.2.69.142", "8.8.8.8", "9.9.9.9", "2001:4860:4860::8888", "127.0.0.1"} {
		a := netip.MustParseAddr(text)
		if n := testing.AllocsPerRun(100, func() { l.Locate(a) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// BenchmarkLocate is a look-up beside the embedded country alone, and beside decoding the record at each click.
func BenchmarkLocate(b *testing.B) {
	c := configured(b)
	c.CityFile = put(b, b.TempDir()+"/large.mmdb", large(b, 50_000))
	l := openLocator(b, c)
	addrs := make([]netip.Addr, 4096)
	for i := range addrs {
		n := rand.IntN(50_000)
		addrs[i] = netip.AddrFrom4([4]byte{20 + byte(n>>16), byte(n >> 8), byte(n), byte(i)})
	}
	each := func(name string, look func(netip.Addr)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for i := range b.N {
				look(addrs[i&4095])
			}
			// What other processes do on the machine disturbs this less than the rate.
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
	each("country", func(a netip.Addr) { country(a) })
	each("files=3", func(a netip.Addr) { l.Locate(a) })
	reader := l.current.Load()[forCity].reader
	each("decoding", func(a netip.Addr) { _, _ = readNested(reader.Lookup(a)) })
}

// cpuTime is what this process has used of the processor so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkOpen is what reading a file of 50,000 networks takes.
func BenchmarkOpen(b *testing.B) {
	content := large(b, 50_000)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		if _, err := open(content, hostingNone); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}
