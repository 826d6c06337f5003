import { configureSync, getSyncSettings, type SyncSettings } from '../../domain/sync/config.ts';
import { builder } from '../builder.ts';
import { expectedErrors } from '../errors.ts';

const SyncConfigType = builder.objectRef<SyncSettings>('SyncConfig').implement({
  description: 'From where and how often an export is fetched. The URL is kept sealed and never given back.',
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', { description: 'Whether exports are fetched on a schedule.' }),
    hasExportUrl: t.exposeBoolean('hasExportUrl', { description: 'Whether an export URL is stored.' }),
    frequencyHours: t.exposeInt('frequencyHours', { description: 'Hours between two fetches, 1 to 720.' }),
    lastSyncAt: t.expose('lastSyncAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a sync last brought something in.',
    }),
    nextSyncAt: t.expose('nextSyncAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the next scheduled sync is due, also after failures; null when none is: off, or paused.',
    }),
    failuresInARow: t.exposeInt('failuresInARow', {
      description: 'Scheduled syncs that failed since the last that did not. Each makes the next come later.',
    }),
    lastFailure: t.exposeString('lastFailure', {
      nullable: true,
      description: 'What the last of them said; null when none failed.',
    }),
    pausedAt: t.expose('pausedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when the schedule is paused, after five failures in a row; null when it is not.',
    }),
    pauseReason: t.exposeString('pauseReason', {
      nullable: true,
      description: 'Why it is paused and what ends that; null when it is not.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first set.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
});

const ConfigureSyncInput = builder.inputType('ConfigureSyncInput', {
  description: 'New sync settings.',
  fields: (t) => ({
    enabled: t.boolean({ description: 'Whether to fetch on a schedule; needs an export URL.' }),
    exportUrl: t.string({
      required: false,
      description: 'Where the export lies. Leave it out to keep the present one; null removes it.',
    }),
    frequencyHours: t.int({ required: false, description: 'Hours between two fetches, 1 to 720.' }),
  }),
});

builder.queryField('syncConfig', (t) =>
  t.field({
    type: SyncConfigType,
    description: 'The viewer’s sync settings.',
    resolve: (_root, _args, { services, viewer }) => getSyncSettings(services, viewer),
  }),
);

builder.mutationField('configureSync', (t) =>
  t.field({
    type: SyncConfigType,
    description: 'Changes the viewer’s sync settings.',
    args: { input: t.arg({ type: ConfigureSyncInput, description: 'The new settings.' }) },
    errors: { types: expectedErrors },
    resolve: (_root, { input }, { services, viewer }) =>
      configureSync(services, viewer, { ...input, frequencyHours: input.frequencyHours ?? undefined }),
  }),
);
