package config

import "tributary/schemas/broker"

// Abilities are what the engine of this mode can do.
func (k *Kafka) Abilities() broker.Abilities {
	if k.Mode == ModeEmbedded {
		return broker.Embedded()
	}
	return broker.Kafka()
}
