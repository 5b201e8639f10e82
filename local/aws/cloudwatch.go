package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// dimension is a dimension of a metric, with its value.
type dimension struct{ Name, Value string }

// getMetricData answers CloudWatch's GetMetricData. It counts the metrics that the functions log in the embedded metric
// format, as CloudWatch does. Every statistic is a sum. Metrics from other sources have no data.
func (e *Endpoint) getMetricData(q *request) *reply {
	var in struct {
		StartTime, EndTime float64 // epoch seconds
		MetricDataQueries  []struct {
			Id         string
			Expression string
			MetricStat struct {
				Metric struct {
					Namespace, MetricName string
					Dimensions            []dimension
				}
				Period int64 // seconds
			}
		}
	}
	if err := json.Unmarshal(q.body, &in); err != nil {
		return q.fail("InvalidParameterValue", err.Error())
	}
	logged, results := readMetrics(e.Lines()), []map[string]any{}
	for _, query := range in.MetricDataQueries {
		metric, period := query.MetricStat.Metric, query.MetricStat.Period
		if query.Expression != "" || period < 1 {
			return q.fail("InvalidParameterValue", "The development stack imitates MetricStat only, with a period.")
		}
		sums := map[int64]float64{} // by the beginning of the period
		for _, v := range logged[seriesOf(metric.Namespace, metric.MetricName, metric.Dimensions)] {
			if float64(v.at) >= in.StartTime && float64(v.at) < in.EndTime {
				sums[v.at-v.at%period] += v.value
			}
		}
		times, values := slices.Sorted(maps.Keys(sums)), []float64{}
		for _, at := range times {
			values = append(values, sums[at])
		}
		results = append(results, map[string]any{"Id": query.Id, "Label": metric.MetricName, "StatusCode": "Complete",
			"Timestamps": times, "Values": values})
	}
	return q.ok(map[string]any{"MetricDataResults": results, "Messages": []string{}})
}

// seriesOf returns the key of a metric with exactly these dimensions.
func seriesOf(namespace, name string, dimensions []dimension) string {
	return fmt.Sprintf("%q %q %q", namespace, name, dimensions)
}

// logged is a value of a metric that a function logged at a time, in epoch seconds.
type logged struct {
	at    int64
	value float64
}

// readMetrics returns the values in the log lines that are in the embedded metric format, by series.
func readMetrics(lines []string) map[string][]logged {
	out := map[string][]logged{}
	for _, text := range lines {
		_, text, _ = strings.Cut(text, "\t") // after the function's logical id
		var line struct {
			AWS struct {
				Timestamp         int64 // epoch milliseconds
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		var members map[string]any
		if !strings.Contains(text, `"_aws"`) || json.Unmarshal([]byte(text), &line) != nil || json.Unmarshal([]byte(text), &members) != nil {
			continue
		}
		for _, directive := range line.AWS.CloudWatchMetrics {
			for _, names := range directive.Dimensions {
				var dimensions []dimension
				for _, name := range names {
					dimensions = append(dimensions, dimension{name, fmt.Sprint(members[name])})
				}
				for _, metric := range directive.Metrics {
					if value, ok := members[metric.Name].(float64); ok {
						series := seriesOf(directive.Namespace, metric.Name, dimensions)
						out[series] = append(out[series], logged{line.AWS.Timestamp / 1000, value})
					}
				}
			}
		}
	}
	return out
}
