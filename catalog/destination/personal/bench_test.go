package personal

import "testing"

func BenchmarkPhone(b *testing.B) {
	for _, value := range []string{"(650) 555-1212", "+442070313000"} {
		b.Run(value, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Phone(value, "US", PhoneE164)
			}
		})
	}
}
