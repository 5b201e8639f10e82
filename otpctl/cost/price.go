package cost

import (
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
)

//go:embed prices.json
var priceData []byte

// price is the cost of a thing in US dollars, and the source of that figure.
type price struct {
	Name   string  `json:"name"`
	Per    float64 `json:"per"` // the number of units that USD is for
	Unit   string  `json:"unit"`
	Tiers  []tier  `json:"tiers,omitempty"` // of a month's quantity; the later ones are cheaper
	USD    float64 `json:"usd"`             // beyond the tiers
	Dated  string  `json:"dated"`           // the date of the source's text, or "undated"
	Source string  `json:"source"`          // the source's address
	Note   string  `json:"note,omitempty"`  // who wrote the text, if not the seller
}

// tier is the part of a month's quantity up to a number of units.
type tier struct {
	UpTo float64 `json:"upTo"`
	USD  float64 `json:"usd"`
}

// of returns the cost of a month's quantity in US dollars.
func (p price) of(quantity float64) float64 {
	sum, from := 0.0, 0.0
	for _, t := range p.Tiers {
		sum += max(0, min(quantity, t.UpTo)-from) * t.USD
		from = t.UpTo
	}
	return (sum + max(0, quantity-from)*p.USD) / p.Per
}

// priceList is prices.json.
type priceList struct {
	Read   string              `json:"read"` // the day on which all prices were looked up
	Region string              `json:"region"`
	Prices map[string]price    `json:"prices"`
	SMS    map[string]smsPrice `json:"sms"` // by ISO country
}

// smsPrice is the price of an SMS of one segment to a country, or nil if no source was found.
type smsPrice struct {
	AWS    *price `json:"aws"`
	Twilio *price `json:"twilio"`
}

func readPrices() (list priceList, err error) {
	err = json.Unmarshal(priceData, &list)
	for country, sms := range list.SMS {
		for seller, p := range map[string]*price{"AWS": sms.AWS, "Twilio": sms.Twilio} {
			if p != nil {
				p.Name, p.Per, p.Unit = "SMS to "+country+", "+seller, 1, "messages"
			}
		}
	}
	return list, err
}

// all returns the prices in a fixed order.
func (l priceList) all() (all []price) {
	for _, key := range slices.Sorted(maps.Keys(l.Prices)) {
		all = append(all, l.Prices[key])
	}
	for _, country := range l.countries() {
		for _, p := range []*price{l.SMS[country].AWS, l.SMS[country].Twilio} {
			if p != nil {
				all = append(all, *p)
			}
		}
	}
	return all
}

// countries returns the countries for which the list has AWS's price.
func (l priceList) countries() []string { return slices.Sorted(maps.Keys(l.SMS)) }
