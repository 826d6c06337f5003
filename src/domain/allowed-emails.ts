import type { Services } from './services.ts';

/** Whether an e-mail address is one of the allowed, which are addresses, or domains with or without an @ in front. */
export function isAllowedEmail(allowed: string[], email: string): boolean {
  const address = email.toLowerCase();
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return allowed.some((entry) => {
    const wanted = entry.toLowerCase();
    return wanted.lastIndexOf('@') > 0 ? wanted === address : wanted.replace(/^@/, '') === domain;
  });
}

/** Whether a user's sessions and keys count: the owner's always do, for the owner holds the server's own key. */
export function isLetIn(
  { allowedEmails }: Services,
  { isOwner, email }: { isOwner: boolean; email: string | null },
): boolean {
  return isOwner || !allowedEmails || (email !== null && isAllowedEmail(allowedEmails, email));
}
