import FormatKit
import ModelGraph
import StrictJSON

/// `general.name`, as llama.cpp's converter makes it of a model's identifier or folder.
enum GGUFModelName {
    /// From config.json's `_name_or_path`, or else the name of the folder; nil without either.
    static func title(_ graph: TensorGraph, folderName: String?) -> String? {
        let config = graph.attachment("config.json").flatMap {
            try? JSONValue(parsing: $0.bytes, path: "", object: "config.json", takesInfinity: true)
        }
        let identifier = config?["_name_or_path"]?.string?.split(separator: "/").last.map(String.init)
        guard let name = identifier ?? folderName, name != ".", name != ".." else { return nil }
        let title = name.replacing("-", with: " ").split { $0 == " " }.map { titled(String($0)) }.joined(separator: " ")
        return title.isEmpty ? nil : title
    }

    /// Small letters that follow none become capitals, but not in numbers, versions and words that have capitals already.
    private static func titled(_ word: String) -> String {
        let isLower = word.contains { $0.isLowercase } && !word.contains { $0.isUppercase }
        let afterV = word.hasPrefix("v") ? word.dropFirst() : ""
        let isVersion =
            !afterV.isEmpty
            && afterV.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part.allSatisfy { $0.isASCII && $0.isNumber }
            }
        guard isLower, !isVersion, !(word.first?.isNumber ?? false) else { return word }
        var follows = false
        return String(
            word.map { character in
                defer { follows = character.isLetter }
                return follows
                    ? character : Character(String(character).uppercased().count == 1 ? String(character).uppercased() : String(character))
            })
    }
}
