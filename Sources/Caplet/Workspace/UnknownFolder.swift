import CLibrary
import FormatKit
import ModelGraph
import StrictJSON

/// What a folder is that no format takes for a model, as far as its files tell.
enum UnknownFolder {
    /// Nil for a file, and for a folder of which nothing is known.
    static func description(_ path: String) -> String? {
        guard let names = try? FolderListing.names(in: path) else { return nil }
        if names.isEmpty { return "is an empty folder" }
        if let adapter = adapterAlone(path) { return adapter }
        if names.contains("config.json") {
            let parts = names.filter { $0.hasSuffix(".incomplete") || $0.hasSuffix(".part") }
            let unfinished = parts.first.map { "; \($0) is a download that did not end" } ?? ""
            return "has config.json and no weights (.safetensors, .bin, .gguf)\(unfinished)"
        }
        return nil
    }

    /// What an adapter's folder is that has no model beside it; nil for all else.
    static func adapterAlone(_ path: String) -> String? {
        guard access("\(path)/adapter_config.json", F_OK) == 0, access("\(path)/config.json", F_OK) != 0 else { return nil }
        let bytes = try? MappedFile(path: "\(path)/adapter_config.json").withBytes { Array($0) }
        let base = bytes.flatMap { try? JSONValue(strict: $0) }?["base_model_name_or_path"]?.string
        return "is an adapter and not a model: it goes onto \(base.map { "'\($0)'" } ?? "a model that adapter_config.json does not name"), "
            + "into which PEFT's merge_and_unload puts it"
    }
}
