import { readList, sendForNothing } from './answers';
import type { CallControl, RedcapFile, RedcapWire } from './call';
import { RedcapBadAnswerError } from './errors';
import { fileListSchema, folderSchema, type FileListRow } from './types';

/** A file field of one record; the newest instance where none is named. */
export interface FilePlace {
  record: string;
  field: string;
  event?: string;
  repeatInstance?: number;
}

/** Which instruments to print; nothing = all of them, blank. */
export interface PdfQuery {
  record?: string;
  event?: string;
  instrument?: string;
  repeatInstance?: number;
  /** Every record there is: heavy. */
  allRecords?: boolean;
  compactDisplay?: boolean;
}

/** Files in fields, the file repository, and instruments as PDF (redcap-api.md §2.9, §2.23, §2.24). */
export interface FileMethods {
  exportFile(place: FilePlace, control?: CallControl): Promise<RedcapFile>;
  /** Puts a file into a field of a record that exists; one that was there goes. */
  importFile(place: FilePlace, file: RedcapFile, control?: CallControl): Promise<void>;
  deleteFile(place: FilePlace, control?: CallControl): Promise<void>;
  /** Folders and files of a folder, of the top where none is named. */
  listFiles(folderId?: number, control?: CallControl): Promise<FileListRow[]>;
  /** Answers the new folder's id. */
  createFolder(
    folder: { name: string; parent?: number; dagId?: number; roleId?: number },
    control?: CallControl,
  ): Promise<number>;
  exportRepositoryFile(docId: number, control?: CallControl): Promise<RedcapFile>;
  /** Adds a file, also where one of that name is there. */
  importRepositoryFile(file: RedcapFile, folderId?: number, control?: CallControl): Promise<void>;
  deleteRepositoryFile(docId: number, control?: CallControl): Promise<void>;
  pdf(query?: PdfQuery, control?: CallControl): Promise<RedcapFile>;
}

/** The methods over one wire. */
export function fileMethods(wire: RedcapWire): FileMethods {
  const repository = (action: string) => ({ content: 'fileRepository', action, format: 'json', returnFormat: 'json' });
  return {
    exportFile: (place, control) => wire.file(fileParams(place, 'export'), { action: 'export', control }),
    importFile: (place, file, control) =>
      sendForNothing(wire, fileParams(place, 'import'), { action: 'import', file, control }),
    deleteFile: (place, control) => sendForNothing(wire, fileParams(place, 'delete'), { action: 'delete', control }),

    listFiles: (folderId, control) =>
      readList(wire, { ...repository('list'), folder_id: folderId?.toString() }, fileListSchema, {
        action: 'list',
        control,
      }),
    async createFolder({ name, parent, dagId, roleId }, control) {
      const params = {
        ...repository('createFolder'),
        name,
        folder_id: parent?.toString(),
        dag_id: dagId?.toString(),
        role_id: roleId?.toString(),
      };
      const [folder] = await readList(wire, params, folderSchema, { action: 'createFolder', control });
      if (folder === undefined) throw new RedcapBadAnswerError('REDCap told no folder.', 'REDCAP_SHAPE');
      return folder.folder_id;
    },
    exportRepositoryFile: (docId, control) =>
      wire.file({ ...repository('export'), doc_id: String(docId) }, { action: 'export', control }),
    importRepositoryFile: (file, folderId, control) =>
      sendForNothing(
        wire,
        { ...repository('import'), folder_id: folderId?.toString() },
        { action: 'import', file, control },
      ),
    deleteRepositoryFile: (docId, control) =>
      sendForNothing(wire, { ...repository('delete'), doc_id: String(docId) }, { action: 'delete', control }),

    async pdf(query = {}, control) {
      const file = await wire.file(
        {
          content: 'pdf',
          returnFormat: 'json',
          record: query.record,
          event: query.event,
          instrument: query.instrument,
          repeat_instance: query.repeatInstance?.toString(),
          allRecords: query.allRecords ? 'true' : undefined,
          compactDisplay: query.compactDisplay === undefined ? undefined : String(query.compactDisplay),
        },
        { action: 'export', control },
      );
      if (!file.bytes.subarray(0, 5).equals(Buffer.from('%PDF-'))) {
        throw new RedcapBadAnswerError('REDCap answered with something else than a PDF.', 'REDCAP_CONTENT_TYPE');
      }
      return file;
    },
  };
}

function fileParams(place: FilePlace, action: string) {
  return {
    content: 'file',
    action,
    returnFormat: 'json',
    record: place.record,
    field: place.field,
    event: place.event,
    repeat_instance: place.repeatInstance?.toString(),
  };
}
