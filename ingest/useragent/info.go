package useragent

import (
	"strings"

	library "github.com/mileusna/useragent"

	"tributary/ingest/useragent/crawlers"
)

// Values of Info.Device.
const (
	DeviceDesktop = "desktop"
	DeviceMobile  = "mobile"
	DeviceTablet  = "tablet"
	DeviceTV      = "tv"
	DeviceBot     = "bot" // exactly when Info.Bot is set
	DeviceUnknown = "unknown"
)

// Other stands for an operating system or browser that is none of the closed list; a blank field
// means that the string names none.
const Other = "Other"

const (
	// MaxLength is how much of a user agent is looked at, in bytes. The edge cuts it there already;
	// browsers send 80 to 250.
	MaxLength = 512
	// maxVersionLength, in bytes: the longest real ones are Chrome's, as 141.0.7390.122.
	maxVersionLength = 16
)

// Info is what a user agent tells. The strings are shared and valid for ever.
type Info struct {
	Device         string // one of the Device constants
	OS             string // Windows, macOS, iOS, Android, Linux …, Other, or blank
	OSVersion      string // as written, "18.7" or "10.0"; blank if not given
	Browser        string // Chrome, Safari, Edge …, Other, or blank
	BrowserVersion string // as written, "141.0.0.0"; blank if not given or of Other
	Bot            string // name of the listed crawler, blank for anybody else
	BotClass       string // one of crawlers.Classes, blank where Bot is
}

// systems are the operating systems told apart, by the library's name for them.
var systems = map[string]string{
	library.Windows: "Windows", library.WindowsPhone: "Windows Phone", library.Android: "Android",
	library.MacOS: "macOS", library.IOS: "iOS", library.Linux: "Linux", library.FreeBSD: "FreeBSD",
	library.ChromeOS: "ChromeOS", library.BlackBerry: "BlackBerry", library.Harmony: "HarmonyOS",
}

// browsers are the browsers told apart, by the library's name or, where it has none, by the
// product token that the browser sends.
var browsers = map[string]string{
	library.Chrome: "Chrome", library.HeadlessChrome: "Headless Chrome", library.Firefox: "Firefox",
	library.Safari: "Safari", library.MobileSafari: "Safari", library.Edge: "Edge",
	library.InternetExplorer: "Internet Explorer", "Trident": "Internet Explorer",
	library.Opera: "Opera", library.OperaMini: "Opera Mini", library.OperaTouch: "Opera Touch",
	library.Vivaldi: "Vivaldi", library.SamsungBrowser: "Samsung Browser", library.NetFront: "NetFront",
	library.BlackBerry: "BlackBerry", "Android browser": "Android Browser",
	library.FacebookApp: "Facebook", library.InstagramApp: "Instagram", library.TiktokApp: "TikTok",
	"Miui Browser": "Miui Browser", "MiuiBrowser": "Miui Browser", "Huawei Browser": "Huawei Browser",
	"YaBrowser": "Yandex Browser", "UCBrowser": "UC Browser", "DuckDuckGo": "DuckDuckGo", "Ddg": "DuckDuckGo",
	"Brave": "Brave", "Silk": "Silk", "Whale": "Whale", "QQBrowser": "QQ Browser", "MQQBrowser": "QQ Browser",
	"HeyTapBrowser": "HeyTap Browser", "VivoBrowser": "Vivo Browser", "OculusBrowser": "Oculus Browser",
	"coc_coc_browser": "Coc Coc", "Puffin": "Puffin", "Snapchat": "Snapchat", "Pinterest": "Pinterest",
	"MicroMessenger": "WeChat", "Line": "Line", "Electron": "Electron", "PaleMoon": "Pale Moon",
	"SeaMonkey": "SeaMonkey", "Iron": "Iron", "Avast": "Avast", "AVG": "AVG", "CCleaner": "CCleaner",
	"Norton": "Norton", "Ecosia": "Ecosia", "Aloha": "Aloha", "AlohaBrowser": "Aloha", "Maxthon": "Maxthon",
}

// televisions are product tokens of television sets and of what is plugged into them.
var televisions = []string{
	"SmartTV", "SMART-TV", "Smart TV", "GoogleTV", "Google TV", "Android TV", "AppleTV", "Apple TV", "HbbTV",
	"Web0S", "NetCast", "CrKey", "Roku", "BRAVIA", "Tizen TV", "VIDAA", "AFTT", "AFTM", "AFTS", "AFTB",
}

// inspect is Parse without the cache: some microseconds and some dozen allocations.
func inspect(ua string) Info {
	var info Info
	if crawler, ok := crawlers.Match(ua); ok {
		info.Bot, info.BotClass = crawler.Name, crawler.Class
	}
	parsed := library.Parse(ua)
	info.OS = listed(systems, parsed.OS)
	info.OSVersion = version(parsed.OSVersion)
	if parsed.Name != ua { // the library's way to say that it found nothing
		info.Browser = listed(browsers, parsed.Name)
	}
	if info.Browser != "" && info.Browser != Other { // the version of nobody says nothing
		info.BrowserVersion = version(parsed.Version)
	}
	info.Device = device(ua, &info, &parsed)
	return info
}

func listed(names map[string]string, name string) string {
	if name == "" {
		return ""
	}
	if known, ok := names[name]; ok {
		return known
	}
	return Other
}

func device(ua string, info *Info, parsed *library.UserAgent) string {
	switch {
	case info.Bot != "":
		return DeviceBot
	case isTelevision(ua):
		return DeviceTV
	case parsed.Tablet:
		return DeviceTablet
	case parsed.Mobile:
		return DeviceMobile
	case parsed.Desktop:
		return DeviceDesktop
	default:
		return DeviceUnknown
	}
}

func isTelevision(ua string) bool {
	for _, token := range televisions {
		if strings.Contains(ua, token) {
			return true
		}
	}
	return false
}

// version keeps the beginning that looks like a version: all else comes from the client unchecked.
func version(text string) string {
	end := 0
	for end < len(text) && end < maxVersionLength && isVersionByte(text[end]) {
		end++
	}
	if end == 0 || text[0] < '0' || text[0] > '9' {
		return ""
	}
	return strings.Clone(text[:end]) // the rest of the text is not to stay in memory with it
}

func isVersionByte(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '.' || b == '_'
}
