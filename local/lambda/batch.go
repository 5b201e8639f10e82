package lambda

import "encoding/json"

// BatchItemFailures reads the answer of a function whose event source mapping has ReportBatchItemFailures, as
// {"batchItemFailures":[{"itemIdentifier":"…"}]}, and returns the identifiers. No answer and null name no item. It is false
// for an answer of another form, which fails the whole batch.
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
