import { useQueryClient } from '@tanstack/react-query';
import { FileUp, TriangleAlert } from 'lucide-react';
import { type DragEvent, useEffect, useId, useRef, useState } from 'react';
import { formatBytes } from '../format.ts';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { texts } from '../texts/index.ts';
import {
  findStoppedUpload,
  finishUpload,
  forgetUpload,
  stopUpload,
  type UploadState,
  uploadFile,
  useUpload,
} from './upload-store.ts';

const words = texts.imports.upload;

/** Where a file is dropped or chosen, and what became of it. */
export function UploadPanel({ isImporting }: { isImporting: boolean }) {
  const upload = useUpload();
  const queries = useQueryClient();
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => void findStoppedUpload(), []);
  const idle = upload.step === 'idle';
  useEffect(() => {
    if (idle) void queries.invalidateQueries({ queryKey: ['sync-history'] });
  }, [idle, queries]);
  const waits = upload.step === 'busy' && !isImporting;
  useEffect(() => {
    if (waits) void finishUpload();
  }, [waits]);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) void uploadFile(file);
  };
  if (upload.step === 'sending') {
    return (
      <div className="card stack">
        <div className="row spread">
          <h2>{words.label(upload.name)}</h2>
          <button type="button" className="button compact" onClick={() => void stopUpload()}>
            {words.pause}
          </button>
        </div>
        <ProgressBar
          fraction={upload.total > 0 ? upload.done / upload.total : 0}
          label={words.label(upload.name)}
        />
        <p className="muted" aria-live="polite">
          {upload.waiting
            ? words.waiting
            : words.progress(formatBytes(upload.done), formatBytes(upload.total))}
        </p>
      </div>
    );
  }
  return (
    <section
      className={`drop ${over ? 'over' : ''}`}
      aria-labelledby={id}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <FileUp size={32} aria-hidden="true" />
      <h2 id={id}>{texts.imports.drop}</h2>
      <p className="muted">{texts.imports.dropHint}</p>
      <input
        ref={input}
        className="visually-hidden"
        type="file"
        accept=".zip,application/zip"
        tabIndex={-1}
        aria-label={texts.imports.choose}
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          event.target.value = '';
          if (file) void uploadFile(file);
        }}
      />
      <button type="button" className="button primary" onClick={() => input.current?.click()}>
        {texts.imports.choose}
      </button>
      {upload.step === 'stopped' && <Stopped upload={upload} />}
      {upload.step === 'busy' && (
        <div className="notice warning" role="status">
          <div className="stack">
            <p>{upload.waiting instanceof File ? words.busyHere : words.busy}</p>
            <div className="row">
              <button type="button" className="button compact" onClick={() => void finishUpload()}>
                {words.finish}
              </button>
              <button type="button" className="button compact" onClick={() => void forgetUpload()}>
                {words.forget}
              </button>
            </div>
          </div>
        </div>
      )}
      {upload.step === 'failed' && (
        <div className="notice danger" role="alert">
          <TriangleAlert size={18} aria-hidden="true" />
          <p>{upload.reason}</p>
        </div>
      )}
    </section>
  );
}

function Stopped({
  upload: { name, done, total, file, reason },
}: {
  upload: Extract<UploadState, { step: 'stopped' }>;
}) {
  return (
    <div className="notice warning" role={reason && 'alert'}>
      <div className="stack">
        <p>
          {words.stopped(name, `${Math.floor((done / total) * 100)} %`)} {file ? reason : words.chooseAgain}
        </p>
        <div className="row">
          {file && (
            <button type="button" className="button compact" onClick={() => void uploadFile(file)}>
              {words.resume}
            </button>
          )}
          <button type="button" className="button compact" onClick={() => void forgetUpload()}>
            {words.forget}
          </button>
        </div>
      </div>
    </div>
  );
}
