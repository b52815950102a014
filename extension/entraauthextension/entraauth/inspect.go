package entraauth

import (
	"context"
	"time"
)

// TokenInfo is what a token says of itself. It never holds the token.
type TokenInfo struct {
	// TenantID and ApplicationID are for whom the token was issued, in lower case.
	TenantID, ApplicationID string
	// Audience is the resource, a URL or the id of Microsoft's application.
	Audience string
	// Roles are the permissions: of the application or, where a user is Delegated, of the user.
	Roles     []string
	Delegated bool
	// Expires is when Entra says that it ends.
	Expires time.Time
	// Readable tells whether the token could be read, which Entra does not promise: otherwise Expires alone is known.
	Readable bool
}

// Inspector tells what is in a tenant's token. The extension implements it; find it by type assertion on the extension.
type Inspector interface {
	// Inspect gets the token that a request of the tenant would carry, and tells what it says. The error is an *Error.
	Inspect(ctx context.Context, tenantID, scope string) (TokenInfo, error)
}
