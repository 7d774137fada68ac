package protocol

import "tributary/catalog/destination"

// Named returns the protocol of that name, as templates call it; ok is false where there is none.
func Named(name string) (p Protocol, ok bool) {
	p, ok = protocols[name]
	return p, ok
}

var protocols = map[string]Protocol{
	destination.ProtocolURL: byURL{},
	"webhook":               webhook{},
	"meta":                  meta{},
	"google_data_manager":   dataManager{},
	"google_ads":            googleAds{},
	"tiktok":                tiktok{},
	"microsoft":             microsoft{},
	"snap":                  snap{},
	"pinterest":             pinterest{},
	"reddit":                reddit{},
	"x":                     xAds{},
	"openai":                openAI{},
}
