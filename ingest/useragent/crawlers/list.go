package crawlers

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed crawlers.tsv
var table string

// Crawler is one entry of the list.
type Crawler struct {
	// Pattern is the regular expression, case-sensitive and not anchored.
	Pattern string
	// Name is short and printable: what the pattern stands for, without version or punctuation.
	// A crawler with several patterns may have one name for all.
	Name string
	// Class is one of the Class constants.
	Class string
	// URL describes the crawler; blank where the list has none.
	URL string
}

// What kinds of bots there are.
const (
	ClassSearch     = "search"     // search engines
	ClassAI         = "ai"         // collects for language models, or fetches for their users
	ClassPreview    = "preview"    // previews of links in messengers and social networks
	ClassMonitoring = "monitoring" // looks whether a site is up
	ClassAds        = "ads"        // checks advertisements and their landing pages
	ClassSecurity   = "security"   // vulnerability and certificate scanners
	ClassArchive    = "archive"
	ClassFeed       = "feed"     // feed readers
	ClassLibrary    = "library"  // HTTP libraries and command-line tools: anybody's program
	ClassHeadless   = "headless" // browsers driven by a program
	ClassCrawler    = "crawler"  // SEO tools, research, and all that fits nowhere else
)

// Classes are all of them.
var Classes = []string{ClassSearch, ClassAI, ClassPreview, ClassMonitoring, ClassAds, ClassSecurity, ClassArchive, ClassFeed, ClassLibrary, ClassHeadless, ClassCrawler}

// MaxNameLength is the longest Name, in bytes.
const MaxNameLength = 64

// All returns the list in its order, the same slice on every call: not to be written to.
func All() []Crawler { return list() }

var list = sync.OnceValue(func() []Crawler {
	crawlers, err := parse(table)
	if err != nil {
		panic(fmt.Sprintf("crawlers: the embedded list: %v", err)) // the build is broken
	}
	return crawlers
})

func parse(table string) ([]Crawler, error) {
	var crawlers []Crawler
	number := 0
	for line := range strings.Lines(table) {
		number++
		line = strings.TrimSuffix(line, "\n") // and no more: a pattern may end in a space
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 4 || fields[0] == "" || fields[1] == "" || !slices.Contains(Classes, fields[2]) {
			return nil, fmt.Errorf("line %d: want pattern, name, class and url between tabs, got %q", number, line)
		}
		crawlers = append(crawlers, Crawler{Pattern: fields[0], Name: fields[1], Class: fields[2], URL: fields[3]})
	}
	return crawlers, nil
}
