import Caplet
import ModelGraph

extension ModelSummary {
    var headerLines: [String] {
        var lines = ["\(path): \(format)\(architecture.map { ", \($0)" } ?? "")"]
        func add(_ label: String, _ text: String) {
            lines.append(label + String(repeating: " ", count: max(1, 14 - label.count)) + text)
        }
        if let brokenConfiguration {
            add("not known", "\(brokenConfiguration): its tensors are converted and nothing else")
        } else if let architecture, !isKnown {
            add("not known", "\(architecture) is no family that can be run: its tensors are converted and compressed as matrices alone")
        }
        if let vision {
            let seeing = tensors.filter { $0.role == .vision }
            let numbers = seeing.reduce(0) { $0 + $1.parameters }
            let others = tensors.count - seeing.count
            add("language", "\(NumberText.grouped(parameters - numbers)) parameters, \(others) tensors: run and compressed")
            add("carried", "\(NumberText.grouped(numbers)) parameters, \(seeing.count) tensors: what \(vision) sees with, as it is")
        }
        let kept = parameters == weights ? "" : " for \(NumberText.grouped(weights)) weights"
        add("parameters", "\(NumberText.grouped(parameters))\(kept), \(tensors.count) tensors")
        add("tensor bytes", NumberText.grouped(tensorBytes))
        add("file bytes", "\(NumberText.grouped(fileBytes)), \(NumberText.decimal(bitsPerWeight, places: 2)) bits a weight")
        for tie in ties { add("tied", "\(tie.name) is \(tie.target)") }
        if !attachments.isEmpty {
            add("files", attachments.map { "\($0.name) (\(NumberText.grouped($0.bytes)))" }.joined(separator: ", "))
        }
        for (key, value) in provenance { add(key, value) }
        if let digest { add("digest", digest) }
        if let sha256 { add("sha256", sha256) }
        return lines
    }
}
