package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tributary/report"
)

// summaryDimensions are told apart over all campaigns, withinDimensions within one as well.
var (
	summaryDimensions = []string{"campaign", "source", "offer", "landing", "country", "device", "os", "browser", "buyer", "quarter", "hour", "day"}
	withinDimensions  = append([]string{"sub1", "sub2", "sub3", "zone", "keyword", "creative"}, summaryDimensions...)
)

// reportZonesAsked have clocks of whole, half and quarter hours, and days of 23 and 25 hours.
var reportZonesAsked = []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"}

// withinCampaign has about a tenth of the clicks: 10 M of 100 M.
const withinCampaign = "campaign-2"

// A set of questions has an aim of its own.
type set struct {
	name         string
	aim, aimCold string
	questions    []report.Question
}

// sets are the questions that have an aim each, the same at each run.
func (a *asking) sets(n int) []set {
	week, all, within := set{name: "any two, 7 days", aim: "p95 ≤ 100"}, set{name: "any two, 90 days", aim: "p95 ≤ 100"},
		set{name: fmt.Sprintf("any two within a campaign of %sclicks, 90 days", quantity(float64(a.data.clicks)*0.0986)), aim: "p95 ≤ 500"}
	chance := rand.New(rand.NewPCG(1, 1))
	for range n {
		week.questions = append(week.questions, a.summary(chance, 7))
		all.questions = append(all.questions, a.summary(chance, 90))
		within.questions = append(within.questions, a.within(chance))
	}
	return []set{week, all, within}
}

// pageRows is what the console shows at once.
const pageRows = 100

// summary asks for two dimensions over the last days.
func (a *asking) summary(chance *rand.Rand, days int) report.Question {
	return question(two(chance, summaryDimensions), reportZonesAsked[chance.IntN(len(reportZonesAsked))], days)
}

// within asks for two dimensions of a campaign.
func (a *asking) within(chance *rand.Rand) report.Question {
	q := question(two(chance, withinDimensions), reportZonesAsked[chance.IntN(len(reportZonesAsked))], 90)
	q.Where = []report.Filter{{Dimension: "campaign", Op: report.Is, Values: []string{withinCampaign}}}
	return q
}

// wholeSub asks for all values of the large sub-ID.
func (a *asking) wholeSub() report.Question { return question([]string{"sub2"}, "UTC", 90) }

func two(chance *rand.Rand, of []string) []string {
	i := chance.IntN(len(of))
	j := chance.IntN(len(of) - 1)
	if j >= i {
		j++
	}
	return []string{of[i], of[j]}
}

func question(by []string, zone string, days int) report.Question {
	at, err := time.LoadLocation(zone)
	if err != nil {
		panic(err) // the zones are ours
	}
	end := time.Date(reportEnd.Year(), reportEnd.Month(), reportEnd.Day(), 0, 0, 0, 0, at)
	return report.Question{By: by, Zone: zone, Period: report.Period{From: end.AddDate(0, 0, -days), To: end}, Scope: report.Everything, Limit: pageRows}
}
