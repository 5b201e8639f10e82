package aws

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// metricQuery is a query of GetMetricData for one metric.
type metricQuery struct {
	Id         string
	Expression string
	MetricStat struct {
		Metric struct {
			Namespace, MetricName string
			Dimensions            []struct{ Name, Value string }
		}
		Period int64 // seconds
		Stat   string
	}
}

// getMetricData answers CloudWatch's GetMetricData. It counts the metrics that the functions log in the embedded metric
// format, as CloudWatch does. Every statistic is a sum. Metrics from other sources have no data.
func (e *Endpoint) getMetricData(q *request) *reply {
	var in struct {
		StartTime, EndTime float64 // epoch seconds
		MetricDataQueries  []metricQuery
	}
	if err := json.Unmarshal(q.body, &in); err != nil {
		return q.fail("InvalidParameterValue", err.Error())
	}
	lines, results := readMetrics(e.Lines()), []map[string]any{}
	for _, query := range in.MetricDataQueries {
		if query.Expression != "" || query.MetricStat.Period < 1 {
			return q.fail("InvalidParameterValue", "The development stack imitates MetricStat only, with a period.")
		}
		times, values := query.count(lines, in.StartTime, in.EndTime)
		results = append(results, map[string]any{"Id": query.Id, "Label": query.MetricStat.Metric.MetricName, "StatusCode": "Complete",
			"Timestamps": times, "Values": values})
	}
	return q.ok(map[string]any{"MetricDataResults": results, "Messages": []string{}})
}

// metricLine is a log line in the embedded metric format, whose members hold the values.
type metricLine struct {
	members map[string]any
	AWS     struct {
		Timestamp         int64 // epoch milliseconds
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name string }
		}
	} `json:"_aws"`
}

func readMetrics(lines []string) (out []metricLine) {
	for _, text := range lines {
		_, text, _ = strings.Cut(text, "\t") // after the function's logical id
		var line metricLine
		if strings.Contains(text, `"_aws"`) && json.Unmarshal([]byte(text), &line) == nil && json.Unmarshal([]byte(text), &line.members) == nil {
			out = append(out, line)
		}
	}
	return out
}

// count returns the sum of each period that has a value, the oldest first.
func (m metricQuery) count(lines []metricLine, start, end float64) (times []int64, values []float64) {
	sums := map[int64]float64{}
	for _, line := range lines {
		at := line.AWS.Timestamp / int64(time.Second/time.Millisecond)
		if value, ok := m.valueIn(line); ok && float64(at) >= start && float64(at) < end {
			sums[at-at%m.MetricStat.Period] += value
		}
	}
	for at := range sums {
		times = append(times, at)
	}
	slices.Sort(times)
	for _, at := range times {
		values = append(values, sums[at])
	}
	return times, values
}

// valueIn returns a line's value of the metric, if the line has one with exactly these dimensions.
func (m metricQuery) valueIn(line metricLine) (float64, bool) {
	metric := m.MetricStat.Metric
	var names []string
	for _, d := range metric.Dimensions {
		if line.members[d.Name] != d.Value {
			return 0, false
		}
		names = append(names, d.Name)
	}
	for _, directive := range line.AWS.CloudWatchMetrics {
		named := func(x struct{ Name string }) bool { return x.Name == metric.MetricName }
		of := func(set []string) bool { return slices.Equal(set, names) }
		if directive.Namespace == metric.Namespace && slices.ContainsFunc(directive.Metrics, named) && slices.ContainsFunc(directive.Dimensions, of) {
			value, ok := line.members[metric.MetricName].(float64)
			return value, ok
		}
	}
	return 0, false
}
