// Package api serves the alerts of a world as Microsoft's APIs do: Defender for Endpoint's GET /api/alerts and Microsoft
// Graph's GET /v1.0/security/alerts_v2, with their filters, paging, limits, permissions, quotas and error bodies, and with
// whatever a test wants to go wrong.
package api
