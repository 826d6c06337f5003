import ipaddr from 'ipaddr.js';

/** All of today's global unicast space; what lies outside embeds IPv4 addresses or is local. RFC 4291, 2.4. */
const globalIpv6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** Answers inside every Azure virtual machine, though the address looks public. */
const azureWireServer = '168.63.129.16';

/**
 * Whether an address is reachable from anywhere on the Internet: not loopback, private, link-local, carrier-grade NAT,
 * multicast or documentation, and not IPv6 that leads to IPv4 (mapped, compatible, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv6 ? parsed.match(globalIpv6) : parsed.toString() !== azureWireServer;
}
