// Package doctor finds out for each tenant and source whether alerts can come, and if not, why and who must do what. It
// asks little: one token for each API of a tenant, and one record for each source.
package doctor
