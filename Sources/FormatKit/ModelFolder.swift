import Glibc
import ModelGraph

/// Which files of a model's folder travel with its weights.
///
/// Every regular file with a plain name that is not hidden, does not hold weights in a format that some tool writes, and is no
/// larger than `maximumAttachmentBytes`: configuration, tokenizer, chat template, licence, model card.
public enum ModelFolder {
    public static let maximumAttachmentBytes = 64 << 20

    private static let weightEndings = [
        ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".npy",
        ".npz", ".h5", ".msgpack", ".onnx", ".onnx_data", ".tflite", ".caplet", ".zip", ".tar", ".gz", ".zst",
    ]

    /// Whether a file of this name may be an attachment.
    public static func isAttachment(_ name: String) -> Bool {
        guard FileName.isPlain(name), !name.hasPrefix("."), name != GraphDocument.fileName else { return false }
        let lower = name.lowercased()
        return !weightEndings.contains { lower.hasSuffix($0) } && !lower.contains(".partial-")
    }

    /// The attachments in the folder, by name. A file over the size limit is left out with a warning.
    public static func attachments(in folder: String, _ context: ReadContext) throws -> [Attachment] {
        var attachments: [Attachment] = []
        for name in try FolderListing.names(in: folder) where isAttachment(name) {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard status.st_size <= maximumAttachmentBytes else {
                context.warn("\(path): \(status.st_size) bytes; files beside the weights over \(maximumAttachmentBytes) are left behind")
                continue
            }
            attachments.append(Attachment(name: name, bytes: try MappedFile(path: path).withBytes { Array($0) }))
        }
        return attachments
    }
}
