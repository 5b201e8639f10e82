package lambda

import "encoding/json"

// BatchItemFailures reads the response of a function whose event source mapping has ReportBatchItemFailures, such as
// {"batchItemFailures":[{"itemIdentifier":"…"}]}, and returns the identifiers. An empty response or null names no item.
// ok is false for a response of another form, which fails the whole batch.
func BatchItemFailures(payload []byte) (identifiers []string, ok bool) {
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier *string }
	}
	if len(payload) > 0 && json.Unmarshal(payload, &answer) != nil {
		return nil, false
	}
	for _, f := range answer.BatchItemFailures {
		if f.ItemIdentifier == nil || *f.ItemIdentifier == "" {
			return nil, false
		}
		identifiers = append(identifiers, *f.ItemIdentifier)
	}
	return identifiers, true
}
