import FormatKit
import ModelGraph
import StrictJSON

/// How sentence-transformers makes one embedding of those of tokens: the settings of its folder for that, which modules.json names.
struct SentencePooling {
    /// llama.cpp's number for it: 1 for the mean over tokens, 2 for the first token, 3 for the last.
    let ggufType: UInt32
    /// What llama.cpp does not have, by the name of the setting; nil where it has it.
    let unknown: String?

    /// Nil for a model without such settings.
    ///
    /// - Throws: `FormatError.malformed` for files that are no JSON.
    init?(_ files: [Attachment]) throws {
        func json(_ name: String) throws -> JSONValue? {
            try files.first { $0.name == name }.map { try JSONValue(parsing: $0.bytes, path: $0.name, object: "") }
        }
        guard let modules = try json("modules.json")?.array,
            let folder = modules.first(where: { $0["type"]?.string?.hasSuffix("Pooling") ?? false })?["path"]?.string,
            let settings = try json("\(folder)/config.json")
        else { return nil }
        let set = (settings.object?.members ?? []).filter { $0.key.hasPrefix(SentencePooling.prefix) && $0.value.bool == true }
        var names = set.map { String($0.key.dropFirst(SentencePooling.prefix.count)) }
        // Newer files name it at once.
        if let name = settings["pooling_mode"]?.string { names = [name] }
        let known = names.count == 1 ? SentencePooling.types[names[0]] : nil
        (ggufType, unknown) = (known ?? 1, known == nil ? names.isEmpty ? "anything" : names.joined(separator: " and ") : nil)
    }

    private static let prefix = "pooling_mode_"
    private static let types: [String: UInt32] = [
        "mean_tokens": 1, "mean": 1, "cls_token": 2, "cls": 2, "lasttoken": 3, "last_token": 3,
    ]
}
