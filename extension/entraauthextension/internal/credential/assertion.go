package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// identityTimeout bounds the wait for the machine's identity endpoint, which answers at once or not at all.
const identityTimeout = 5 * time.Second

// patience is how long to wait for that endpoint: never more than half of the time left, for the next credential and Entra.
func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(identityTimeout, time.Until(end)/2)
	}
	return identityTimeout
}

// readToken reads a projected token for each use, because it is replaced about every hour.
func readToken(path string) (string, error) {
	const kind = "federated_token_file"
	data, err := readBounded(path)
	if err != nil {
		return "", &Error{Kind: kind, Err: err}
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", &Error{Kind: kind, Err: fmt.Errorf("reading %s: empty", path)}
	}
	return token, nil
}

// managedIdentity returns a function whose assertions are tokens of a user-assigned identity.
func managedIdentity(clientID string, o Options) (func(context.Context) (string, error), error) {
	client, err := managedidentity.New(managedidentity.UserAssignedClientID(clientID),
		managedidentity.WithHTTPClient(o.Identity), managedidentity.WithRetryPolicyDisabled())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, patience(ctx))
		defer cancel()
		result, err := client.AcquireToken(ctx, o.Audience)
		if err != nil {
			return "", identityError(err)
		}
		return result.AccessToken, nil
	}, nil
}

// identityError keeps the status alone: the answer of the endpoint may hold anything.
func identityError(err error) error {
	const kind = "managed_identity"
	var call msalerrors.CallErr
	if !errors.As(err, &call) {
		return &Error{Kind: kind, Temporary: true, Err: errors.New("the machine's identity endpoint does not answer")}
	}
	status := call.Resp.StatusCode
	return &Error{
		Kind: kind, Temporary: status == http.StatusTooManyRequests || status >= http.StatusInternalServerError,
		Err: fmt.Errorf("the machine's identity endpoint answers with status %d", status),
	}
}
