extension CompressionResult {
    /// What the compression cost, in lines for a person: a word and what it is.
    package var costLines: [(name: String, value: String)] {
        let percent = inputBytes == 0 ? 0 : 100 * Double(outputBytes) / Double(inputBytes)
        let bits = [bitsPerWeightBefore, bitsPerWeight].map { NumberText.decimal($0, places: 2) }
        let measuring = cost.map { ", and \(NumberText.decimal($0.seconds, places: 1)) s to measure it" } ?? ""
        return (cost?.lines ?? []) + [
            (
                "bytes",
                "\(NumberText.grouped(inputBytes)) → \(NumberText.grouped(outputBytes)), \(NumberText.decimal(percent, places: 1)) %"
            ),
            ("bits", "\(bits[0]) → \(bits[1]) a weight"), ("time", "\(NumberText.decimal(seconds, places: 1)) s of passes\(measuring)"),
            ("memory", "\(NumberText.bytes(peakMemoryBytes)) at the peak"),
        ]
    }
}

extension MeasuredCost {
    /// Loss and likeness; of an encoder the distance alone.
    fileprivate var lines: [(name: String, value: String)] {
        if let distance {
            let mean = MeasuredCost.number(distance, distanceStandardError, places: 6)
            return [("distance", "\(mean) (1 − cosine to the original) on \(place(sequences, "sentences"))")]
        }
        guard let lossBefore, let lossAfter, let divergence, let agreement else { return [] }
        let rise = (lossAfter < lossBefore ? "" : "+") + MeasuredCost.number(lossAfter - lossBefore, lossDifferenceStandardError, places: 4)
        let (before, after) = (NumberText.decimal(lossBefore, places: 4), NumberText.decimal(lossAfter, places: 4))
        let likeness = MeasuredCost.number(divergence, divergenceStandardError, places: 4)
        return [
            ("loss", "\(before) → \(after), \(rise) nats on \(place(tokens, "tokens"))"),
            ("likeness", "KL \(likeness) nats, the same likeliest token in \(NumberText.decimal(100 * agreement, places: 1)) %"),
        ]
    }

    /// "8,160 held-out tokens".
    private func place(_ count: Int, _ what: String) -> String {
        let number = NumberText.grouped(count)
        switch origin {
        case .ownText: return "\(number) \(what) of the text"
        case .heldOut: return "\(number) held-out \(what)"
        case .chosenBy: return "\(number) \(what) that passes may have chosen by"
        case .calibrated: return "\(number) \(what) calibrated on: other text loses more"
        }
    }

    private static func number(_ value: Double, _ error: Double?, places: Int) -> String {
        NumberText.decimal(value, places: places) + (error.map { " ± \(NumberText.decimal($0, places: places))" } ?? "")
    }
}
