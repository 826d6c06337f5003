import { ExternalLink } from 'lucide-react';

/**
 * An image of another server, as a link: to load it would tell that server who reads what and when. Addresses that are none of
 * the web show their description alone.
 */
export function RemoteImage({ src, description }: { src: string; description: string }) {
  const url = URL.canParse(src) ? new URL(src) : null;
  const label = description || 'Image';
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return <span className="remote-image">{label}</span>;
  return (
    <a className="remote-image" href={url.href} target="_blank" rel="noopener noreferrer nofollow">
      {label} <span className="muted">({url.host})</span> <ExternalLink size={14} aria-hidden="true" />
    </a>
  );
}
