package e2e_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"go.opentelemetry.io/collector/pdata/plog"
)

// kafkaUser and kafkaPassword are shaped like those of Event Hubs, with all that shells and configurations could spoil.
const (
	kafkaUser     = "$ConnectionString"
	kafkaPassword = "Endpoint=sb://hub.example/;SharedAccessKeyName=send;SharedAccessKey=a+b/c="
)

// kafkaPartitions is how many partitions each topic has.
const kafkaPartitions = 4

// kafkaLimit is the size that Event Hubs takes of one message.
const kafkaLimit = "1000000"

// kafkaCluster is a broker that speaks the protocol over TLS with SASL PLAIN, as Event Hubs does.
type kafkaCluster struct {
	t       *testing.T
	cluster *kfake.Cluster
	ca      []byte

	mu          sync.Mutex
	isDown      bool
	connections map[net.Conn]struct{}
	refusals    []int16 // error codes for the next messages
	refused     int
	lockedOut   bool
}

func newKafka(t *testing.T, topics ...string) *kafkaCluster {
	t.Helper()
	k := &kafkaCluster{t: t, connections: map[net.Conn]struct{}{}}
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	k.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	certificates := certified.TLS.Certificates
	certified.Close()
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.SeedTopics(kafkaPartitions, topics...), kfake.BrokerConfigs(map[string]string{"message.max.bytes": kafkaLimit}),
		kfake.TLS(&tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}),
		kfake.EnableSASL(), kfake.Superuser("PLAIN", kafkaUser, kafkaPassword), kfake.ListenFn(k.listen),
	)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	k.cluster = cluster
	cluster.ControlKey(int16(kmsg.Produce), k.refuseProduce)
	cluster.ControlKey(int16(kmsg.SASLAuthenticate), k.refuseUser)
	return k
}

// listen stands between the cluster and its clients, so that it can be cut off.
func (k *kafkaCluster) listen(network, address string) (net.Listener, error) {
	listener, err := net.Listen(network, address)
	return &kafkaListener{listener, k}, err
}

type kafkaListener struct {
	net.Listener
	kafka *kafkaCluster
}

func (l *kafkaListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.kafka.admit(connection) {
			return connection, nil
		}
		_ = connection.Close()
	}
}

func (k *kafkaCluster) admit(connection net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.connections[connection] = struct{}{}
	return !k.isDown
}

// down cuts every client off until up is called.
func (k *kafkaCluster) down() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.isDown = true
	for connection := range k.connections {
		_ = connection.Close()
	}
	clear(k.connections)
}

func (k *kafkaCluster) up() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.isDown = false
}

// refuse answers the next messages with these errors.
func (k *kafkaCluster) refuse(reasons ...*kerr.Error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, reason := range reasons {
		k.refusals = append(k.refusals, reason.Code)
	}
}

func (k *kafkaCluster) refusalsDone() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused
}

func (k *kafkaCluster) refuseProduce(request kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the signature is kfake's
	k.cluster.KeepControl()
	k.mu.Lock()
	defer k.mu.Unlock()
	produce, ok := request.(*kmsg.ProduceRequest)
	if !ok || len(k.refusals) == 0 {
		return nil, nil, false
	}
	code := k.refusals[0]
	k.refusals = k.refusals[1:]
	k.refused++
	response := produce.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range produce.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			one := kmsg.NewProduceResponseTopicPartition()
			one.Partition, one.ErrorCode = partition.Partition, code
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response, nil, true
}

// lockOut makes the password wrong, or right again.
func (k *kafkaCluster) lockOut(locked bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockedOut = locked
}

func (k *kafkaCluster) refuseUser(request kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the signature is kfake's
	k.cluster.KeepControl()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.lockedOut {
		return nil, nil, false
	}
	response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	response.ErrorCode = kerr.SaslAuthenticationFailed.Code
	return response, nil, true
}

// environment is what the shipped configurations ask for.
func (k *kafkaCluster) environment() map[string]string {
	return map[string]string{"KAFKA_BROKER": k.cluster.ListenAddrs()[0], "KAFKA_USER": kafkaUser, "KAFKA_PASSWORD": kafkaPassword}
}

func (k *kafkaCluster) trusting(s *stage) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "kafka.pem")
	require.NoError(s.t, os.WriteFile(path, k.ca, 0o600))
	return fmt.Sprintf(`exporters: {kafka: {tls: {ca_file: %s}}}`, path)
}

// kafkaMessage is a message with the records that are in it.
type kafkaMessage struct {
	topic     string
	partition int32
	key       string
	records   []record
}

// kafkaReader reads all topics from their beginning.
type kafkaReader struct {
	client   *kgo.Client
	messages []kafkaMessage
}

func (k *kafkaCluster) reader(topics ...string) *kafkaReader {
	k.t.Helper()
	auth := plain.Auth{User: kafkaUser, Pass: kafkaPassword}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...), kgo.SASL(auth.AsMechanism()),
		kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true}), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.FetchMaxPartitionBytes(32<<20),
	)
	require.NoError(k.t, err)
	k.t.Cleanup(client.Close)
	return &kafkaReader{client: client}
}

// read returns the records that are there by now.
func (r *kafkaReader) read(t *testing.T) (records []record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	fetches := r.client.PollFetches(ctx)
	for _, failure := range fetches.Errors() {
		if !errors.Is(failure.Err, context.DeadlineExceeded) {
			t.Logf("reading %s: %v", failure.Topic, failure.Err)
		}
	}
	unmarshaler := plog.JSONUnmarshaler{}
	for _, m := range fetches.Records() {
		logs, err := unmarshaler.UnmarshalLogs(m.Value)
		require.NoError(t, err)
		r.messages = append(r.messages, kafkaMessage{m.Topic, m.Partition, string(m.Key), recordsOf(t, logs)})
	}
	for _, m := range r.messages {
		records = append(records, m.records...)
	}
	return records
}

// complete waits until all records are there, and returns them with what was repeated.
func (r *kafkaReader) complete(s *stage, made map[string]record) (records []record) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for records = r.read(s.t); lacking(made, records) > 0; records = r.read(s.t) {
		require.True(s.t, time.Now().Before(deadline), "%d of %d records are lacking", lacking(made, records), len(made))
	}
	return records
}
