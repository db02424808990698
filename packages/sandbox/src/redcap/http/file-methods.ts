import { ApiError } from '../api-error';
import { fileContentType } from '../files/mime';
import { deleteFieldFile, readFieldFile, writeFieldFile } from '../files/field-files';
import * as repository from '../files/file-repository';
import { messages } from '../messages';
import type { StoredFile } from '../model';
import { instrumentsPdf } from '../pdf/instruments-pdf';
import { bytes, text } from './answer';
import { byAction, listAnswer, need, needToChange, note, type Method } from './call';

const download = (file: StoredFile): ReturnType<Method> =>
  bytes(fileContentType(file.name, file.type), Buffer.from(file.data, 'base64'));

/** Files in fields and in the repository, and instruments as PDF (§2.9, §2.23, §2.24). */
export const fileMethods: Record<string, Method> = {
  file: byAction({
    export(call) {
      need(call.user, 'api_export');
      const file = readFieldFile(call.project, call.params, call.user);
      const record = call.params.get('record');
      note(call, 'Download file (API)', 'Manage/Design ', record);
      return download(file);
    },
    import(call) {
      need(call.user, 'api_import', messages.noImportRights);
      writeFieldFile(call.project, call.params, call.user, call.at, () => call.nextId('doc'));
      call.changed();
      return text('');
    },
    delete(call) {
      need(call.user, 'api_import', messages.noImportRights);
      deleteFieldFile(call.project, call.params, call.user, call.at);
      call.changed();
      return text('');
    },
  }),
  fileRepository: (call) => {
    // There is no default: without an action nothing is asked for.
    const { params } = call;
    if (params.get('action') === '') throw new ApiError(400, messages.parameterMissing('action'));
    return repositoryActions(call);
  },
  pdf: byAction({
    export(call) {
      need(call.user, 'api_export');
      const pdf = instrumentsPdf(call.project, call.params, call.user);
      note(call, 'Export PDF file of instruments (API)');
      return bytes('application/pdf; name="instruments.pdf"', pdf);
    },
  }),
};

const repositoryActions = byAction({
  createFolder(call) {
    needToChange(call, 'file_repository');
    call.params.format();
    const list = repository.createFolder(call.project, call.params, call.user, () => call.nextId('folder'));
    note(call, `Create folder in File Repository (API): ${call.params.get('name')}`);
    call.changed();
    return listAnswer(call, list);
  },
  list(call) {
    need(call.user, 'api_export');
    need(call.user, 'file_repository');
    const list = repository.listFolder(call.project, call.params, call.user, call.version);
    note(call, 'Export list of files/folders in File Repository (API)');
    return listAnswer(call, list);
  },
  export(call) {
    need(call.user, 'api_export');
    need(call.user, 'file_repository');
    const file = repository.shelvedFile(call.project, call.params, call.user);
    note(call, `Download file from File Repository (API): ${file.name}`);
    return download(file);
  },
  import(call) {
    needToChange(call, 'file_repository');
    const file = repository.shelveFile(call.project, call.params, call.user, () => call.nextId('doc'));
    note(call, `Upload file to File Repository (API): ${file.name}`);
    call.changed();
    return text('');
  },
  delete(call) {
    needToChange(call, 'file_repository');
    const file = repository.unshelveFile(call.project, call.params, call.user);
    note(call, `Delete file from File Repository (API): ${file.name}`);
    call.changed();
    return text('');
  },
});
