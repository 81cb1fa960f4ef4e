import CLibrary

/// A moment as calendars and clocks show it, without a time zone.
public struct CalendarTime: Equatable, Sendable {
    public var year, month, day, hour, minute, second: Int

    /// Parts that are out of range are brought into it.
    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = min(max(year, 1), 9999)
        self.month = min(max(month, 1), 12)
        self.day = min(max(day, 1), CalendarTime.days(month: self.month, year: self.year))
        self.hour = min(max(hour, 0), 23)
        self.minute = min(max(minute, 0), 59)
        self.second = min(max(second, 0), 59)
    }

    /// The present, in the time zone of the system.
    public static var now: CalendarTime {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return CalendarTime(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }

    private static func days(month: Int, year: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// The day of the year, from 1.
    var dayOfYear: Int { (1..<month).reduce(day) { $0 + CalendarTime.days(month: $1, year: year) } }

    /// The day of the week, from Sunday at 0.
    var weekday: Int {
        let past = year - 1
        return (past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear) % 7
    }
}

extension CalendarTime {
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ]

    /// The moment by a format of `strftime`, in English.
    ///
    /// - Throws: `Fault` for a code that is not supported.
    func formatted(_ format: Text) throws -> Text {
        var result = Text()
        var index = 0
        while index < format.count {
            let scalar = format[index]
            index += 1
            guard scalar == "%" else {
                result.append(scalar)
                continue
            }
            let isBare = index < format.count && format[index] == "-"
            if isBare { index += 1 }
            guard index < format.count, let part = part(format[index], isBare: isBare) else {
                throw Fault.unsupported("a code of the format '\(format.string)'")
            }
            result += Text(part)
            index += 1
        }
        return result
    }

    private func part(_ code: Unicode.Scalar, isBare: Bool) -> String? {
        func padded(_ number: Int, _ width: Int = 2, _ fill: String = "0") -> String {
            let digits = String(number)
            return isBare ? digits : String(repeating: fill, count: max(0, width - digits.count)) + digits
        }
        let halfDay = (hour + 11) % 12 + 1
        switch code {
        case "d": return padded(day)
        case "e": return padded(day, 2, " ")
        case "m": return padded(month)
        case "y": return padded(year % 100)
        case "Y": return String(year)
        case "H": return padded(hour)
        case "I": return padded(halfDay)
        case "M": return padded(minute)
        case "S": return padded(second)
        case "j": return padded(dayOfYear, 3)
        default: return isBare ? nil : word(code)
        }
    }

    private func word(_ code: Unicode.Scalar) -> String? {
        switch code {
        case "a": String(Self.weekdays[weekday].prefix(3))
        case "A": Self.weekdays[weekday]
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "B": Self.months[month - 1]
        case "p": hour < 12 ? "AM" : "PM"
        case "w": String(weekday)
        case "u": String((weekday + 6) % 7 + 1)
        case "F": try? formatted(Text("%Y-%m-%d")).string
        case "T", "X": try? formatted(Text("%H:%M:%S")).string
        case "R": try? formatted(Text("%H:%M")).string
        case "D", "x": try? formatted(Text("%m/%d/%y")).string
        case "c": try? formatted(Text("%a %b %e %H:%M:%S %Y")).string
        case "Z", "z": ""
        case "n": "\n"
        case "t": "\t"
        case "%": "%"
        default: nil
        }
    }
}
