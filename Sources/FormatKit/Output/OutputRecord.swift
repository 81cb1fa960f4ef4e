import CLibrary
import StrictJSON

/// An output that is being made: its path, and the names that its contents have meanwhile.
struct StagedOutput: Equatable, Sendable {
    let path: String
    /// Where the new contents are until they take the path; what they replaced is here after that, until it is removed.
    let temporaryPath: String
    /// Where what is replaced waits, when the two cannot change places in one step.
    let sparePath: String
    let isFolder: Bool
    /// Whether something that is there may be replaced.
    let replaces: Bool

    init(path: String, isFolder: Bool, replaces: Bool) {
        let parts = PathParts(path)
        self.path = PathParts.trimmed(path)
        temporaryPath = parts.beside(TemporaryName.make(for: parts.name))
        sparePath = parts.beside(TemporaryName.make(for: parts.name))
        self.isFolder = isFolder
        self.replaces = replaces
    }

    fileprivate init(path: String, temporaryPath: String, sparePath: String, isFolder: Bool) {
        (self.path, self.temporaryPath, self.sparePath, self.isFolder) = (path, temporaryPath, sparePath, isFolder)
        replaces = false
    }
}

/// What a journal says of a run: which outputs it makes under which names, and whether they are complete and take their paths.
struct OutputRecord: Equatable, Sendable {
    struct Entry: Equatable {
        let output: StagedOutput
        /// The inode of the complete contents; nil until they are.
        var inode: UInt64?
    }

    /// The system's start, by its random name: no process of an earlier one is alive.
    let boot: String
    /// Whether all contents are complete: from then on a run that is cut off is finished, before that it is undone.
    var isComplete = false
    var entries: [Entry]

    private static let version = 1
    /// Most bytes of a journal: more than the parts of any split model need.
    static let maximumByteCount = 64 << 20

    init(_ outputs: [StagedOutput], boot: String = OutputRecord.currentBoot) {
        self.boot = boot
        entries = outputs.map { Entry(output: $0) }
    }

    /// What is another after each start of the system; "unknown" where it does not say.
    static var currentBoot: String {
        #if canImport(Darwin)
            var text = [CChar](repeating: 0, count: 64)
            var size = text.count
            guard sysctlbyname("kern.bootsessionuuid", &text, &size, nil, 0) == 0 else { return "unknown" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #else
            return linuxBoot
        #endif
    }

    private static var linuxBoot: String {
        guard let file = fopen("/proc/sys/kernel/random/boot_id", "r") else { return "unknown" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return "unknown" }
        return String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The record as JSON, paths in `folder` as names alone.
    func text(in folder: String) -> String {
        func name(_ path: String) -> String {
            let parts = PathParts(path)
            return JSONText.quoted(parts.folder == folder ? parts.name : absolute(parts))
        }
        return JSONText.object([
            ("journal", JSONText.quoted("caplet")), ("version", "\(OutputRecord.version)"), ("boot", JSONText.quoted(boot)),
            ("complete", isComplete ? "true" : "false"),
            (
                "outputs",
                JSONText.array(
                    entries.map { entry in
                        JSONText.object([
                            ("path", name(entry.output.path)), ("temporary", name(entry.output.temporaryPath)),
                            ("spare", name(entry.output.sparePath)), ("folder", entry.output.isFolder ? "true" : "false"),
                            ("inode", entry.inode.map { JSONText.quoted("\($0)") } ?? "null"),
                        ])
                    })
            ),
        ]) + "\n"
    }

    private func absolute(_ parts: PathParts) -> String {
        guard let real = realpath(parts.folder, nil) else { return parts.beside(parts.name) }
        defer { free(real) }
        let folder = String(cString: real)
        return folder == "/" ? "/\(parts.name)" : "\(folder)/\(parts.name)"
    }

    /// Nil for text that is no record, as of a run that was cut off while it wrote it, and for one whose temporary names are not such.
    init?(parsing bytes: [UInt8], in folder: String) {
        guard let json = try? JSONValue(strict: bytes), json["journal"]?.string == "caplet",
            json["version"]?.integer == OutputRecord.version,
            let boot = json["boot"]?.string, let isComplete = json["complete"]?.bool, let outputs = json["outputs"]?.array
        else { return nil }
        var entries: [Entry] = []
        for item in outputs {
            guard let path = item["path"]?.string, let temporary = item["temporary"]?.string, let spare = item["spare"]?.string,
                let isFolder = item["folder"]?.bool
            else { return nil }
            let inode = item["inode"]?.string.flatMap(UInt64.init)
            let base = PathParts(folder + "/.")
            let all = [path, temporary, spare].map { $0.hasPrefix("/") ? $0 : base.beside($0) }
            let parts = all.map(PathParts.init)
            guard parts.allSatisfy({ $0.folder == parts[0].folder && FileName.isOne($0.name) }),
                parts[1...].allSatisfy({ TemporaryName.isTemporary($0.name, of: parts[0].name) }), isComplete == false || inode != nil
            else { return nil }
            let output = StagedOutput(path: all[0], temporaryPath: all[1], sparePath: all[2], isFolder: isFolder)
            entries.append(Entry(output: output, inode: inode))
        }
        (self.boot, self.isComplete, self.entries) = (boot, isComplete, entries)
    }
}
