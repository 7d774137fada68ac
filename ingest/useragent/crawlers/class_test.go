package crawlers

import (
	"slices"
	"testing"
)

func TestClasses(t *testing.T) {
	for ua, want := range map[string]string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                      ClassSearch,
		"AdsBot-Google (+http://www.google.com/adsbot.html)":                                                            ClassAds,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":        ClassAI,
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)":                                     ClassPreview,
		"TelegramBot (like TwitterBot)":                                                                                 ClassPreview,
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)":                                        ClassMonitoring,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36": ClassHeadless,
		"python-requests/2.32.3": ClassLibrary,
		"curl/8.5.0":             ClassLibrary,
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": ClassCrawler,
		"Mozilla/5.0 zgrab/0.x": ClassSecurity,
	} {
		if got, ok := Match(ua); !ok || got.Class != want {
			t.Errorf("%q: %+v, want the class %s", ua, got, want)
		}
	}
	for _, c := range All() {
		if !slices.Contains(Classes, c.Class) {
			t.Errorf("%+v has no known class", c)
		}
	}
}
