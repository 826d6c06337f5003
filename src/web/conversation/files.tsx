import { Download, FileX } from 'lucide-react';
import { useState } from 'react';
import type { MessageFragment } from '../../generated/web/operations.ts';
import { formatBytes } from '../format.ts';
import { texts } from '../texts/index.ts';

const words = texts.conversations;

type File = MessageFragment['assets'][number];

/**
 * What a message points to: images and sound in place, everything else to be saved. An export has no captions; what was said
 * stands as the message’s text.
 */
export function Files({ assets }: { assets: readonly File[] }) {
  if (assets.length === 0) return null;
  return (
    <ul className="plain files">
      {assets.map((asset) => (
        <li key={asset.id}>
          <FileView asset={asset} />
        </li>
      ))}
    </ul>
  );
}

function FileView({ asset: { name, mimeType, sizeBytes, url, missing } }: { asset: File }) {
  // No browser draws every image, and the server hands out none that could run, such as SVG, to be drawn: they can be saved.
  const [isBroken, setBroken] = useState(false);
  const label = name ?? words.file;
  if (missing || !url) {
    return (
      <span className="file-missing small">
        <FileX size={16} aria-hidden="true" /> {words.missing(label)}
      </span>
    );
  }
  if (mimeType?.startsWith('image/') && !isBroken) {
    return (
      <a href={url} target="_blank" rel="noopener">
        <img className="file-image" src={url} alt={label} loading="lazy" onError={() => setBroken(true)} />
      </a>
    );
  }
  if (mimeType?.startsWith('audio/')) return <audio controls preload="none" src={url} aria-label={label} />;
  if (mimeType?.startsWith('video/')) return <video controls preload="none" src={url} aria-label={label} />;
  return (
    <a className="button compact" href={url} download={label}>
      <Download size={14} aria-hidden="true" /> {label}{' '}
      {sizeBytes !== null && <span className="muted">{formatBytes(sizeBytes)}</span>}
    </a>
  );
}
