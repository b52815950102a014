// Package cloudsim is a Microsoft cloud in one process, for tests, benchmarks and the demo: sign-in, Defender for
// Endpoint and Microsoft Graph on one listener, with tenants whose alerts live, quotas that count and faults to order.
//
// Its parts: World holds the tenants and their alerts, Entra signs in, API serves and goes wrong.
package cloudsim
