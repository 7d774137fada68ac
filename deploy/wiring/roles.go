package wiring

// AddRoles adds every role, the last one first in the flow, so that it stops first.
func (s *System) AddRoles() {
	s.AddIngest()
}
