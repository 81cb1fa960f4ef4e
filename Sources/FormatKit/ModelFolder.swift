import CLibrary
import ModelGraph
import StrictJSON

/// Which files of a model's folder travel with its weights.
///
/// Every regular file with a plain name that is not hidden, does not hold weights in a format that some tool writes, and is no
/// larger than `maximumAttachmentBytes`: configuration, tokenizer, chat template, licence, model card. With modules.json the files of the folders
/// that it names, too.
public enum ModelFolder {
    public static let maximumAttachmentBytes = 64 << 20

    private static let weightEndings = [
        ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".npy",
        ".npz", ".h5", ".msgpack", ".onnx", ".onnx_data", ".tflite", ".caplet", ".zip", ".tar", ".gz", ".zst",
    ]

    private static let readEndings = [".json", ".model", ".txt", ".jinja", ".jsonl"]

    /// Whether a file of this name may be an attachment.
    public static func isAttachment(_ name: String) -> Bool { FileName.isPlain(name) && travels(name) }

    private static func travels(_ name: String) -> Bool {
        guard !name.hasPrefix("."), name != GraphDocument.fileName else { return false }
        let lower = name.lowercased()
        return !weightEndings.contains { lower.hasSuffix($0) } && !TemporaryName.isTemporary(name)
    }

    /// Adds the attachments in a folder to a graph, by name. A file over the size limit, and one that a link leads to out of the folder, is left
    /// behind with a warning.
    ///
    /// - Throws: `FormatError.unsupported` for a name that an attachment cannot have; `FileAccessError`.
    public static func addAttachments(of folder: String, to graph: inout TensorGraph, _ context: ReadContext) throws {
        let home = ModelHome(folder)
        let names = try FolderListing.names(in: folder)
        let adapter = names.first { adapterNames.contains($0) && hasOtherWeights(names) }
        if let adapter {
            context.warn("\(folder)/\(adapter): is an adapter beside the model; it and \(adapterSettings) are left behind")
        }
        for name in names where travels(name) && !(adapter != nil && name == adapterSettings) {
            try addFile(name, of: folder, home, to: &graph, context)
        }
        try addModules(of: folder, home, to: &graph, context)
    }

    private static let adapterNames = ["adapter_model.safetensors", "adapter_model.bin"]
    private static let adapterSettings = "adapter_config.json"

    private static func hasOtherWeights(_ names: [String]) -> Bool {
        names.contains { name in
            !adapterNames.contains(name) && [".safetensors", ".bin", ".pt", ".pth", ".gguf", ".npz"].contains(where: name.hasSuffix)
                && name != "training_args.bin"
        }
    }

    /// Adds one file of the folder, where it is a regular one.
    private static func addFile(
        _ name: String, of folder: String, _ home: ModelHome, to graph: inout TensorGraph, _ context: ReadContext
    ) throws {
        let path = "\(folder)/\(name)"
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        guard FileName.isPlainOrInFolder(name) else {
            throw FormatError.unsupported(folder, "file '\(name)'", "has a control character in its name, and cannot travel under it")
        }
        if !context.followsLinks, let target = home.targetOutside(path) {
            return context.warn("\(path): leads out of the folder, to \(target), and is left behind")
        }
        guard status.st_size <= maximumAttachmentBytes else {
            return context.warn(
                "\(path): \(status.st_size) bytes; files beside the weights over \(maximumAttachmentBytes) are left behind")
        }
        let file = try MappedFile(path: path)
        if file.withBytes({ LargeFilePointer.isPointer($0.prefix(64)) }) {
            // What the model is read by; a picture beside it may stay away.
            guard !readEndings.contains(where: name.lowercased().hasSuffix) else { throw LargeFilePointer.error(path) }
            return context.warn("\(path): is a Git LFS pointer and not the file itself, and is left behind")
        }
        graph.sources.append(file.stamp)
        graph.attachments.append(Attachment(name: name, bytes: file.withBytes { Array($0) }))
    }

    /// Adds the files of the folders in which sentence-transformers keeps what comes after the model (pooling, a norm, a layer), by modules.json:
    /// all that are not hidden, weights of a layer too.
    private static func addModules(
        of folder: String, _ home: ModelHome, to graph: inout TensorGraph, _ context: ReadContext
    ) throws {
        guard let file = graph.attachment(modulesName) else { return }
        let json = try JSONValue(parsing: file.bytes, path: "\(folder)/\(modulesName)", object: "")
        var taken: Set<String> = []
        for module in (json.array ?? []).prefix(maximumModuleCount) {
            // The model itself may have a folder of its own, which is no part of what comes after it.
            guard let place = module["path"]?.string, FileName.isPlain(place), taken.insert(place).inserted,
                module["type"]?.string?.hasSuffix("Transformer") != true
            else { continue }
            var status = stat()
            guard stat("\(folder)/\(place)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
            if !context.followsLinks, let target = home.targetOutside("\(folder)/\(place)") {
                context.warn("\(folder)/\(place): leads out of the folder, to \(target), and is left behind")
                continue
            }
            for name in try FolderListing.names(in: "\(folder)/\(place)") where !name.hasPrefix(".") {
                var inner = stat()
                if stat("\(folder)/\(place)/\(name)", &inner) == 0, inner.st_mode & S_IFMT == S_IFDIR {
                    context.warn("\(folder)/\(place)/\(name): is a folder in a folder, and is left behind")
                    continue
                }
                try addFile("\(place)/\(name)", of: folder, home, to: &graph, context)
            }
        }
    }

    private static let modulesName = "modules.json"
    private static let maximumModuleCount = 64

    /// Whether a file of this name may lie in a folder beside a model's weights: an attachment, or a file of one of sentence-transformers' folders.
    public static func isInModule(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 && parts.allSatisfy { FileName.isPlain($0) && !$0.hasPrefix(".") && !TemporaryName.isTemporary($0) }
    }

    /// Warns of a file with weights that a link leads to out of the folder: it is read, for nothing but weights comes of it.
    public static func warnOfLink(_ name: String, in folder: String, _ context: ReadContext) {
        guard !context.followsLinks, let target = ModelHome(folder).targetOutside("\(folder)/\(name)") else { return }
        context.warn("\(folder)/\(name): leads out of the folder, to \(target)")
    }
}

/// Where the files of a model's folder may lie: in the folder, or in the blobs of the download cache that the folder is a snapshot of.
private struct ModelHome {
    private let places: [String]

    init(_ folder: String) {
        guard let own = ModelHome.real(folder) else {
            places = []
            return
        }
        // models--ORGANISATION--NAME/snapshots/REVISION, whose files are links to models--ORGANISATION--NAME/blobs.
        let parts = own.split(separator: "/", omittingEmptySubsequences: false)
        let isSnapshot = parts.count > 3 && parts[parts.count - 2] == "snapshots"
        places = [own] + (isSnapshot ? [parts.dropLast(2).joined(separator: "/") + "/blobs"] : [])
    }

    /// Where a path leads to, unless that is one of the places.
    func targetOutside(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let target = ModelHome.real(path) else { return nil }
        return places.contains { target.hasPrefix($0 == "/" ? "/" : $0 + "/") } ? nil : target
    }

    private static func real(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
